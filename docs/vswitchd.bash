# shellcheck shell=bash
# bash completion for vswitchd and vswctl
#
# Port types and their keys are the program's own to say: vswitchd --port help, and --port TYPE,help.

# _vswitchd_port PROGRAM WORD
_vswitchd_port() {
    local program=$1 cur=$2 type=${2%%,*} head=${2%,*} key=${2##*,} keys
    if [[ $cur != *,* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_vswitchd_column "$program" help)" -S , -- "$cur")
        return
    fi
    keys=$(_vswitchd_column "$program" "$type,help")
    case $key in
    *=*)
        [[ ${key%%=*} =~ ^[a-z-]+$ ]] || return
        keys=$(sed -n "s/^${key%%=*}=//p" <<< "$keys")
        mapfile -t COMPREPLY < <(_vswitchd_values "$keys" "${key#*=}" | _vswitchd_beginning "$head,${key%%=*}=" "${key#*=}")
        ;;
    *)
        mapfile -t COMPREPLY < <(compgen -P "$head," -W "$(sed -n 's/=.*/=/p' <<< "$keys")" -- "$key")
        ;;
    esac
}

# _vswitchd_column PROGRAM HELP: the types, or the keys with what they take
_vswitchd_column() {
    if [[ $2 == help ]]; then
        "$1" --port help 2> /dev/null | sed 's/ .*//'
    else
        "$1" --port "$2" 2> /dev/null | sed -n 's/^  \([a-z-]*=[^ ]*\) .*/\1/p'
    fi
}

# _vswitchd_values VALUES BEGINNING: words as they are, up to what is in capitals; what some of that stands for
_vswitchd_values() {
    local value values
    IFS='|' read -ra values <<< "$1"
    for value in "${values[@]}"; do
        case $value in
        FILE) compgen -f -- "$2" ;;
        TAP) _vswitchd_taps ;;
        INTERFACE) _vswitchd_interfaces ;;
        USER) compgen -u ;;
        GROUP) compgen -g ;;
        *) echo "${value%%[A-Z]*}" ;;
        esac
    done
}

# _vswitchd_beginning PREFIX WORD: the lines that begin with WORD, behind PREFIX. Not compgen -W, which expands its words:
# files and interfaces may be called $(anything).
_vswitchd_beginning() {
    local line
    while IFS= read -r line; do
        [[ -n $line && $line == "$2"* ]] && printf '%s%q\n' "$1" "$line"
    done
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
    --port) compopt -o nospace; _vswitchd_port "${COMP_WORDS[0]}" "$cur" ;;
    -s | --sock | --vdesock | --unix) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    -f | --rcfile | -p | --pidfile | -M | --mgmt) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    -g | --group | --mgmtgroup) mapfile -t COMPREPLY < <(compgen -g -- "$cur") ;;
    -m | --mode | --mod | --mgmtmode) mapfile -t COMPREPLY < <(compgen -W '0600 0660 0666' -- "$cur") ;;
    --dirmode) mapfile -t COMPREPLY < <(compgen -W '0700 0711 0755 0770' -- "$cur") ;;
    -t | --tap) mapfile -t COMPREPLY < <(_vswitchd_taps | _vswitchd_beginning '' "$cur") ;;
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
