"""The script for fish 3 and later."""

from collections.abc import Iterator

from outreply_cli.cli.tree import Command, Parameter
from outreply_cli.completion.grammar import HEADER, Grammar
from outreply_cli.completion.values import Values

_HEAD = f"# {HEADER} fish\n"

_MACHINERY = r"""
# Where the cursor is: the command's words, and how many arguments it has been given. Every line
# below asks, so it is found out once for each line that is typed.
function __outreply_look
    set -l line (commandline -opc)
    set -q __outreply_line; and test "$line" = "$__outreply_line"; and return
    set -g __outreply_line $line
    set -g __outreply_path
    set -g __outreply_given 0
    set -l skip 0
    for word in $line[2..]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            contains -- $word (__outreply_valued "$__outreply_path"); and set skip 1
        else if test $__outreply_given = 0
                and contains -- $word (__outreply_commands "$__outreply_path")
            set -a __outreply_path $word
        else
            set __outreply_given (math $__outreply_given + 1)
        end
    end
end

# Whether the cursor is at a command; with a number, whether it was given so many arguments, and
# with + so many or more.
function __outreply_at
    __outreply_look
    test "$__outreply_path" = "$argv[1]"; or return 1
    test (count $argv) = 1; and return 0
    if string match -q '*+' $argv[2]
        test $__outreply_given -ge (string trim -c + $argv[2])
    else
        test $__outreply_given = $argv[2]
    end
end

# What outreply itself knows of.
function __outreply_known
    set -l line (commandline -opc)
    set -l program (string replace -r '^~' $HOME -- $line[1])
    set -l prefix (string replace -r '^--[^=]*=' '' -- (commandline -ct))
    command $program __complete $argv[1] "$prefix" $line[2..] 2>/dev/null
end

complete -c outreply -f
"""


def fish_script(grammar: Grammar) -> str:
    """The whole script."""
    lines = [_HEAD, *_switch("__outreply_commands", _commands(grammar))]
    lines += _switch("__outreply_valued", _valued(grammar))
    lines += _switch("__outreply_words", _words(grammar))
    text = "\n".join(lines) + "\n" + _MACHINERY
    return text + "".join(
        f"complete -c outreply {line}\n"
        for command in grammar.commands()
        for line in _lines(grammar, command)
    )


def _switch(name: str, cases: Iterator[tuple[str, list[str]]]) -> list[str]:
    lines = [f"function {name}", "    switch $argv[1]"]
    for case, words in cases:
        if words:
            joined = " ".join(_quoted(word) for word in words)
            lines += [f"        case {_quoted(case)}", f"            printf '%b\\n' {joined}"]
    return [*lines, "    end", "end", ""]


def _commands(grammar: Grammar) -> Iterator[tuple[str, list[str]]]:
    for command in grammar.commands():
        yield " ".join(command.path), [each.path[-1] for each in command.commands]


def _valued(grammar: Grammar) -> Iterator[tuple[str, list[str]]]:
    for command in grammar.commands():
        options = (one for one in command.options if one.takes_value)
        yield " ".join(command.path), [flag for one in options for flag in one.flags]


def _words(grammar: Grammar) -> Iterator[tuple[str, list[str]]]:
    for name, values in grammar.kinds.items():
        yield name, [f"{word}\\t{text}" if text else word for word, text in values.words]


def _lines(grammar: Grammar, command: Command) -> Iterator[str]:
    path = _quoted(" ".join(command.path))
    for each in command.commands:
        at = _quoted(f"__outreply_at {path} 0")
        yield f"-n {at} -a {each.path[-1]} -d {_quoted(each.purpose)}"
    for place, one in enumerate(command.arguments):
        offered = _offered(grammar.kind_of(command, one), grammar.values_of(command, one))
        if offered:
            at = _quoted(f"__outreply_at {path} {place}{'+' if one.repeats else ''}")
            yield f"-n {at} {offered}"
    at = _quoted(f"__outreply_at {path}")
    for one in command.options:
        yield f"-n {at} {_option(grammar, command, one)}"


def _option(grammar: Grammar, command: Command, one: Parameter) -> str:
    parts = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in one.flags]
    if one.takes_value:
        values = grammar.values_of(command, one)
        parts.append("-r" if values.paths else "-x")
        parts.append(_offered(grammar.kind_of(command, one), values))
    parts.append(f"-d {_quoted(one.help)}")
    return " ".join(part for part in parts if part)


def _offered(kind: str, values: Values) -> str:
    parts = ["-F"] if values.paths else []
    if values.known:
        parts.append(f"-k -a '(__outreply_known {values.known})'")
    if values.words:
        parts.append(f"-k -a '(__outreply_words {kind})'")
    return " ".join(parts)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\\\\t", "\\t") + "'"
