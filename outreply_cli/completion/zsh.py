"""The script for zsh: for a directory in `fpath`, or to be sourced after `compinit`."""

from outreply_cli.cli.tree import Command, Parameter
from outreply_cli.completion.grammar import HEADER, Grammar, single_quoted
from outreply_cli.completion.values import Values

_HEAD = f"#compdef outreply\n# {HEADER} zsh\n"

_MACHINERY = r"""
# What outreply itself knows of: values, and their texts beside them.
_outreply_known() {
    local -a values texts expl
    local value text program=${(Q)_outreply_line[1]/#\~/$HOME}
    while IFS=$'\t' read -r value text; do
        values+=("$value")
        texts+=("$value${text:+  -- $text}")
    done < <($program __complete $1 "$PREFIX" "${(@)_outreply_line[2,-1]}" 2>/dev/null)
    (( $#values )) || return 1
    _description -V values expl "$1"
    case $values[1] in
        *[,:]) expl+=(-S '') ;;
    esac
    compadd "$expl[@]" -l -d texts -a values
}

_outreply_attachments() {
    [[ $PREFIX == media:* ]] && _outreply_known attachment || _files
}

_outreply() {
    # The words before the cursor, before _arguments takes them apart.
    local -a _outreply_line=("${(@)words[1,CURRENT-1]}")
    _outreply_at_root
}

if [[ $funcstack[1] == _outreply ]]; then
    _outreply "$@"
else
    compdef _outreply outreply
fi
"""


def zsh_script(grammar: Grammar) -> str:
    """The whole script."""
    functions = [
        _group(grammar, command) if command.commands else _leaf(grammar, command)
        for command in grammar.commands()
    ]
    return _HEAD + "\n" + "\n\n".join(functions) + "\n" + _MACHINERY


def _leaf(grammar: Grammar, command: Command) -> str:
    specs = [_option(grammar, command, one) for one in command.options]
    for place, one in enumerate(command.arguments, start=1):
        action = _action(grammar.values_of(command, one))
        # Two colons: it may be left out.
        colons = ":" if one.is_required else "::"
        number = "*" if one.repeats else str(place)
        specs.append(
            _quoted(f"{number}{colons if number != '*' else ':'}{_text(one.metavar)}:{action}")
        )
    joined = " \\\n        ".join(specs)
    return f"{_function(command)}() {{\n    _arguments -s -S : \\\n        {joined}\n}}"


def _group(grammar: Grammar, command: Command) -> str:
    specs = [_option(grammar, command, one) for one in command.options]
    joined = " \\\n        ".join(specs)
    names = "\n                ".join(
        _quoted(f"{each.path[-1]}:{each.purpose}") for each in command.commands
    )
    cases = "\n                ".join(
        f"{each.path[-1]}) {_function(each)} ;;" for each in command.commands
    )
    return f"""{_function(command)}() {{
    local context state line curcontext=$curcontext
    local -a commands
    typeset -A opt_args
    _arguments -C : \\
        {joined} \\
        '1: :->command' \\
        '*:: :->rest'
    case $state in
        command)
            commands=(
                {names}
            )
            _describe -t commands command commands
            ;;
        rest)
            case $line[1] in
                {cases}
            esac
            ;;
    esac
}}"""


def _option(grammar: Grammar, command: Command, one: Parameter) -> str:
    value = ""
    if one.takes_value:
        value = f":{_text(one.metavar)}:{_action(grammar.values_of(command, one))}"
    flags = [
        flag + ("" if not one.takes_value else "=" if flag.startswith("--") else "+")
        for flag in one.flags
    ]
    told = _quoted(f"[{_text(one.help)}]{value}")
    if one.repeats:
        return " ".join(_quoted(f"*{flag}") + told for flag in flags)
    if len(flags) == 1:
        return f"{flags[0]}{told}"
    return f"{_quoted('(' + ' '.join(one.flags) + ')')}{{{','.join(flags)}}}{told}"


def _action(values: Values) -> str:
    if values.known == "attachment":
        return "_outreply_attachments"
    if values.known:
        # The space: _arguments puts no options of its own before the kind.
        return f" _outreply_known {values.known}"
    if values.words:
        words = " ".join(
            word.replace(":", r"\:") + (rf"\:{_inner(meaning)}" if meaning else "")
            for word, meaning in values.words
        )
        has_meanings = any(meaning for _, meaning in values.words)
        return f"(({words}))" if has_meanings else f"({words})"
    return {"files": "_files", "directories": "_files -/"}.get(values.paths, "")


def _inner(meaning: str) -> str:
    # Read once more, as shell words, inside (( )).
    plain = meaning.replace("\\", "").replace('"', "").replace("`", "").replace("$", "")
    return '"' + _text(plain) + '"'


def _function(command: Command) -> str:
    return "_outreply_at_" + ("_".join(command.path).replace("-", "_") or "root")


def _text(text: str) -> str:
    for character in ("\\", "[", "]", ":"):
        text = text.replace(character, f"\\{character}")
    return text


def _quoted(text: str) -> str:
    return single_quoted(text, quote=r"'\''")
