"""The script for bash, 3.2 (macOS) and later; it needs no package beside bash itself."""

from outreply_cli.cli.tree import Command
from outreply_cli.completion.grammar import HEADER, Grammar, single_quoted

_HEAD = f"# {HEADER} bash\n"

_MACHINERY = r"""
# The line up to the cursor as words: bash splits them at : and = too.
_outreply_read_line() {
    local line=${COMP_LINE:0:COMP_POINT} i word blanks last
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        blanks=${line%%[![:space:]]*}
        line=${line#"$blanks"}
        ((i == COMP_CWORD)) && word=$line
        line=${line#"$word"}
        last=
        ((${#words[@]})) && last=${words[${#words[@]} - 1]}
        if [[ -n $last && -z $blanks && ($word == [:=]* || $last == *[:=]) ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
    done
    cur=${words[${#words[@]} - 1]}
    unset "words[${#words[@]}-1]"
}

# Offers a value; its text is shown where values are listed, and never put on the line.
_outreply_offer() {
    [[ $1 == "$cur"* ]] || return
    if [[ -n $2 && $COMP_TYPE != 9 && $COMP_TYPE != 37 && $COMP_TYPE != 42 ]]; then
        COMPREPLY+=("$1  ($2)")
    else
        COMPREPLY+=("$1")
    fi
    plain=$1
}

_outreply_offer_kind() {
    local choices= paths= known= value text
    _outreply_kind "$1"
    while IFS= read -r value; do
        [[ -n $value ]] && _outreply_offer "$value" ''
    done <<<"${choices// /$'\n'}"
    if [[ -n $known ]]; then
        while IFS=$'\t' read -r value text; do
            _outreply_offer "$value" "$text"
        done < <("${words[0]/#\~/$HOME}" __complete "$known" "$cur" "${words[@]:1}" 2>/dev/null)
    fi
    if [[ -n $paths && $known$COMPREPLY != attachment?* ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r value; do
            COMPREPLY+=("$value")
        done < <(compgen "$paths" -- "$cur" 2>/dev/null)
    fi
}

# The kind of value that the option $1 takes: sets kind, and fails when it takes none.
_outreply_option() {
    local pair
    for pair in $valued; do
        if [[ ${pair%%=*} == "$1" ]]; then
            kind=${pair#*=}
            return 0
        fi
    done
    return 1
}

_outreply() {
    local cur plain= path= ended= kind= pending= given=0 before= i word one
    local commands flags valued arguments
    local -a words
    COMPREPLY=()
    _outreply_read_line
    _outreply_command ''
    for ((i = 1; i < ${#words[@]}; i++)); do
        word=${words[i]}
        pending=
        if [[ -n $ended ]]; then
            ((given++))
        elif [[ $word == -- ]]; then
            ended=1
        elif [[ $word == -* ]]; then
            if [[ $word != *=* ]] && _outreply_option "$word"; then
                pending=1
                ((i++))
                ((i < ${#words[@]})) && pending=
            fi
        elif [[ $given == 0 && " $commands " == *" $word "* ]]; then
            path=${path:+$path }$word
            _outreply_command "$path"
        else
            ((given++))
        fi
    done
    if [[ -n $pending ]]; then
        _outreply_offer_kind "$kind"
    elif [[ -z $ended && $cur == --*=* ]]; then
        _outreply_option "${cur%%=*}" || return
        before=${cur%%=*}=
        cur=${cur#*=}
        _outreply_offer_kind "$kind"
        [[ $COMP_WORDBREAKS == *=* ]] && before=
    elif [[ -z $ended && $cur == -* ]]; then
        for one in $flags; do
            _outreply_offer "$one" ''
        done
    elif [[ -n $commands && $given == 0 ]]; then
        for one in $commands; do
            _outreply_offer "$one" ''
        done
    else
        for one in $arguments; do
            kind=${one%\*}
            ((given-- == 0)) && break
            [[ $one == *\* ]] || kind=
        done
        _outreply_offer_kind "$kind"
    fi
    # A single candidate is put on the line: without its text.
    if ((${#COMPREPLY[@]} == 1)) && [[ -n $plain ]]; then
        COMPREPLY=("$plain")
        [[ $plain == *[:,=] ]] && compopt -o nospace 2>/dev/null
    fi
    # bash replaces what follows the last colon alone.
    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
    fi
    [[ -n $before ]] && COMPREPLY=("${COMPREPLY[@]/#/$before}")
    compopt -o nosort 2>/dev/null
    return 0
}

complete -F _outreply outreply
"""


def bash_script(grammar: Grammar) -> str:
    """The whole script."""
    lines = [
        _HEAD,
        "# Sets commands, flags, valued (option=kind) and arguments (kind*: any number).",
    ]
    lines += ["_outreply_command() {", "    commands= flags= valued= arguments=", "    case $1 in"]
    lines += [_command_case(grammar, command) for command in grammar.commands()]
    lines += ["    esac", "}", "", "# Sets choices, paths and known.", "_outreply_kind() {"]
    lines += ["    case $1 in"]
    for name, values in grammar.kinds.items():
        choices = " ".join(word for word, _ in values.words)
        paths = {"files": "-f", "directories": "-d"}.get(values.paths, "")
        sets = {"choices": choices, "paths": paths, "known": values.known}
        lines.append(f"    {name}) {_assignments(sets)} ;;")
    lines += ["    esac", "}"]
    return "\n".join(lines) + "\n" + _MACHINERY


def _command_case(grammar: Grammar, command: Command) -> str:
    flags = [flag for one in command.options for flag in one.flags]
    valued = [
        f"{flag}={grammar.kind_of(command, one)}"
        for one in command.options
        if one.takes_value
        for flag in one.flags
    ]
    arguments = [
        (grammar.kind_of(command, one) or "-") + ("*" if one.repeats else "")
        for one in command.arguments
    ]
    sets = {
        "commands": " ".join(each.path[-1] for each in command.commands),
        "flags": " ".join(flags),
        "valued": " ".join(valued),
        "arguments": " ".join(arguments),
    }
    return f"    {_quoted(' '.join(command.path))})\n        {_assignments(sets)}\n        ;;"


def _assignments(sets: dict[str, str]) -> str:
    return " ".join(f"{name}={_quoted(value)}" for name, value in sets.items() if value)


def _quoted(text: str) -> str:
    return single_quoted(text, quote=r"'\''")
