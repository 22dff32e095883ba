"""Man pages in roff, generated from the command tree and the help topics."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from outreply_cli import __version__
from outreply_cli.cli.tree import Command, Parameter
from outreply_cli.errors import InvalidInputError

_TOPICS = ("times", "environment", "exit-codes", "output")


def man_page_names(root: Command) -> list[str]:
    """The names of the pages: `outreply`, and `outreply-GROUP` for each group."""
    return ["outreply", *(f"outreply-{group.path[0]}" for group in _groups(root))]


def man_page(root: Command, words: Sequence[str], topic: Callable[[str], str]) -> str:
    """The page about the whole tool, or about a group.

    Args:
        root: The whole command tree.
        words: The group's name, or nothing.
        topic: Returns the text of a help topic.

    Raises:
        InvalidInputError: No page has that name.
    """
    if not words:
        return "\n".join(_overview(root, topic)) + "\n"
    group = next((group for group in _groups(root) if list(group.path) == list(words)), None)
    if group is None:
        raise InvalidInputError(
            f"unknown man page: {' '.join(words)}",
            hint=f"Use one of: {', '.join(man_page_names(root))}",
        )
    return "\n".join(_group_page(group)) + "\n"


def _groups(root: Command) -> list[Command]:
    return [command for command in root.commands if command.commands]


def _overview(root: Command, topic: Callable[[str], str]) -> Iterator[str]:
    yield from _head("outreply", root.summary.rstrip("."))
    yield from (".SH SYNOPSIS", r"\fBoutreply\fR [\fIOPTIONS\fR] \fICOMMAND\fR")
    yield ".SH DESCRIPTION"
    yield from _prose(f"{root.summary}\n\n{root.description}")
    yield ".SH COMMANDS"
    for command in root.commands:
        yield from (".TP", rf"\fB{_text(command.path[0])}\fR", _text(command.summary))
        for subcommand in command.walk():
            if subcommand is not command:
                name, summary = _text(subcommand.full_name), _text(subcommand.summary)
                yield from (".RS", ".TP", rf"\fB{name}\fR", summary, ".RE")
    for command in root.commands:
        if not command.commands:
            yield from _command(command)
    for name in _TOPICS:
        title, _, rest = topic(name).partition("\n")
        yield from (f".SH {_text(name.upper().replace('-', ' '))}", _text(title), ".PP", ".nf")
        yield from (_text(line) for line in rest.strip("\n").splitlines())
        yield ".fi"
    yield ".SH SEE ALSO"
    yield ", ".join(rf"\fBoutreply-{_text(group.path[0])}\fR(1)" for group in _groups(root))


def _group_page(group: Command) -> Iterator[str]:
    yield from _head(f"outreply-{group.path[0]}", group.summary.rstrip("."))
    name = _text(group.full_name)
    yield from (".SH SYNOPSIS", rf"\fB{name}\fR [\fIOPTIONS\fR] \fICOMMAND\fR")
    for command in group.walk():
        if not command.commands:
            yield from _command(command)
    yield from (".SH SEE ALSO", r"\fBoutreply\fR(1)")


def _command(command: Command) -> Iterator[str]:
    yield from (f".SH {_text(command.full_name.upper())}", _text(command.usage), ".PP")
    yield from _prose(f"{command.summary}\n\n{command.description}")
    for parameter in (*command.arguments, *command.options):
        yield from (".TP", _label(parameter), _text(parameter.help) or r"\&")
    if command.examples:
        yield from (".PP", "Examples:", ".PP", ".nf")
        yield from (_text(f"    {example}") for example in command.examples)
        yield ".fi"


def _head(name: str, summary: str) -> Iterable[str]:
    return (
        f'.TH {name.upper()} 1 "" "outreply {__version__}" "User Commands"',
        ".SH NAME",
        rf"{_text(name)} \- {_text(summary)}",
    )


def _label(parameter: Parameter) -> str:
    if not parameter.flags:
        return rf"\fI{_text(parameter.metavar)}\fR"
    flags = ", ".join(rf"\fB{_text(flag)}\fR" for flag in reversed(parameter.flags))
    return rf"{flags} \fI{_text(parameter.metavar)}\fR" if parameter.metavar else flags


def _prose(text: str) -> Iterator[str]:
    for paragraph in filter(None, text.split("\n\n")):
        lines = paragraph.splitlines()
        is_laid_out = any(line.startswith("  ") for line in lines)
        yield ".PP"
        yield from [".nf"] if is_laid_out else []
        yield from (_text(line) for line in lines)
        yield from [".fi"] if is_laid_out else []


def _text(text: str) -> str:
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    escaped = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in escaped)
    # roff reads a line that starts with these as a request.
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
