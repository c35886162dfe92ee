# shellcheck shell=bash
# bash completion for vswitchd

_vswitchd_port() {
    local types='vde tap' common='port= name= vlan= trunk= learn= descr=' cur=$1 type=${1%%,*} head=${1%,*}
    if [[ $cur != *,* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$types" -S , -- "$cur")
        return
    fi
    local keys=$common
    [[ $type == tap ]] && keys="ifname= $common"
    mapfile -t COMPREPLY < <(compgen -P "$head," -W "$keys" -- "${cur##*,}")
}

_vswitchd_taps() {
    local flags
    for flags in /sys/class/net/*/tun_flags; do
        [[ -e $flags ]] && basename "${flags%/tun_flags}"
    done
}

_vswitchd() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    case $prev in
    --port) compopt -o nospace; _vswitchd_port "$cur" ;;
    -s | --sock | --vdesock | --unix) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    -f | --rcfile | -p | --pidfile | -M | --mgmt) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    -g | --group | --mgmtgroup) mapfile -t COMPREPLY < <(compgen -g -- "$cur") ;;
    -m | --mode | --mod | --mgmtmode) mapfile -t COMPREPLY < <(compgen -W '0600 0660 0666' -- "$cur") ;;
    --dirmode) mapfile -t COMPREPLY < <(compgen -W '0700 0711 0755 0770' -- "$cur") ;;
    -t | --tap) mapfile -t COMPREPLY < <(compgen -W "$(_vswitchd_taps)" -- "$cur") ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W "--sock --mode --dirmode --group --numports --tap --port --hub
            --mgmt --mgmtmode --mgmtgroup --macaddr --fdb-size --learn-limit --loop-block --daemon --pidfile --rcfile
            --nostdin --help --version" -- "$cur")
        ;;
    esac
}

complete -F _vswitchd vswitchd
