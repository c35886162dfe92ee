# shellcheck shell=bash
# bash completion for vswitchd and vswctl

_vswitchd_port() {
    local types='vde stream dgram tap uplink plug' cur=$1 type=${1%%,*} head=${1%,*}
    local common='port= name= vlan= trunk= learn= descr= up= isolated= reserved= offload=' key=${1##*,}
    if [[ $cur != *,* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$types" -S , -- "$cur")
        return
    fi
    local keys=$common values
    case $key in
    *=*)
        values=$(_vswitchd_values "$type" "${key%%=*}" "${key#*=}")
        mapfile -t COMPREPLY < <(compgen -P "$head,${key%%=*}=" -W "$values" -- "${key#*=}")
        return
        ;;
    esac
    case $type in
    stream) keys="path= addr= server= fd= most= $common" ;;
    dgram) keys="local= remote= mcast= fd= $common" ;;
    tap) keys="ifname= $common" ;;
    uplink) keys="ifname= host= $common" ;;
    plug) keys="vnl= $common" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -P "$head," -W "$keys" -- "$key")
}

# _vswitchd_values TYPE KEY BEGINNING
_vswitchd_values() {
    case $1,$2 in
    *,up | *,isolated | *,offload | uplink,host | stream,server) echo on off ;;
    *,reserved) echo forward drop consume ;;
    *,vlan) echo none transparent ;;
    tap,ifname) _vswitchd_taps ;;
    uplink,ifname) _vswitchd_interfaces ;;
    stream,path | dgram,local | dgram,remote) compgen -f -- "$3" ;;
    stream,addr) echo 127.0.0.1: ;;
    dgram,mcast) echo 230.0.0.1: ;;
    plug,vnl) echo slirp:// vde:// vxvde:// vxlan:// udp:// tap:// cmd:// ;;
    esac
}

# Those that can be an uplink: Ethernet, and not a port of a bridge or a bond.
_vswitchd_interfaces() {
    local path type
    for path in /sys/class/net/*; do
        [[ -r $path/type && ! -e $path/master ]] || continue
        read -r type < "$path/type"
        [[ $type == 1 ]] && basename "$path"
    done
}

_vswitchd_taps() {
    local flags
    for flags in /sys/class/net/*/tun_flags; do
        [[ -e $flags ]] && basename "${flags%/tun_flags}"
    done
}

_vswitchd() {
    local cur=${COMP_WORDS[COMP_CWORD]} at=$COMP_CWORD prev
    # bash takes a word apart at each "=", and replaces the last piece alone.
    while ((at > 2)) && [[ ${COMP_WORDS[at]} == '=' || ${COMP_WORDS[at - 1]} == '=' ]]; do
        cur=${COMP_WORDS[--at]}$cur
    done
    prev=${COMP_WORDS[at - 1]}
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
    [[ $at == "$COMP_CWORD" ]] || COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*=}"}"}")
}

# Commands are the running switch's own: their paths stand in the first column of its help.
_vswctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} given=()
    [[ $prev == -s || $prev == --sock || $prev == -M || $prev == --mgmt ]] && {
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    }
    [[ ${COMP_WORDS[1]} == -* ]] && given=("${COMP_WORDS[@]:1:2}")
    mapfile -t COMPREPLY < <(compgen -W "--sock --mgmt --help --version
        $(vswctl "${given[@]}" help 2>/dev/null | sed -n 's/^\([a-z]*\/*[a-z]\{1,\}\) .*/\1/p')" -- "$cur")
}

complete -F _vswitchd vswitchd
complete -F _vswctl vswctl
