"""Man pages in roff, from the command tree and the topics."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from outreply_cli import __version__
from outreply_cli.cli.tree import Command, Parameter
from outreply_cli.errors import InvalidInputError


def man_page_names(root: Command) -> list[str]:
    """The pages that there are: `outreply`, and `outreply-GROUP` for each group."""
    return ["outreply", *(f"outreply-{group.path[0]}" for group in _groups(root))]


def man_page(root: Command, words: Sequence[str], topic: Callable[[str], str]) -> str:
    """The page about everything, or about the group that `words` name.

    Args:
        root: The whole tree.
        words: None, or a group's name.
        topic: Gives the text of a topic.

    Raises:
        InvalidInputError: There is no such page.
    """
    if not words:
        return "\n".join(_overview(root, topic)) + "\n"
    group = next((each for each in _groups(root) if list(each.path) == list(words)), None)
    if group is None:
        raise InvalidInputError(
            f"no man page about {' '.join(words)!r}",
            hint=f"Available: {', '.join(man_page_names(root))}",
        )
    return "\n".join(_group_page(group)) + "\n"


def _groups(root: Command) -> list[Command]:
    return [each for each in root.commands if each.commands]


def _overview(root: Command, topic: Callable[[str], str]) -> Iterator[str]:
    yield from _head("outreply", "run an OutReply account from the command line")
    yield from (".SH SYNOPSIS", r"\fBoutreply\fR \fICOMMAND\fR ... [\fIOPTIONS\fR]")
    yield ".SH DESCRIPTION"
    yield from _prose(f"{root.summary}\n\n{root.description}")
    yield ".SH COMMANDS"
    for each in root.commands:
        yield from (".TP", rf"\fB{_text(each.path[0])}\fR", _text(each.summary))
        for one in (command for command in each.walk() if command is not each):
            yield from (".RS", ".TP", rf"\fB{_text(one.full_name)}\fR", _text(one.summary), ".RE")
    for each in root.commands:
        if not each.commands:
            yield from _command(each)
    for name in ("times", "environment", "exit-codes", "output"):
        title, _, rest = topic(name).partition("\n")
        yield from (f".SH {_text(name.upper().replace('-', ' '))}", _text(title), ".PP", ".nf")
        yield from (_text(line) for line in rest.strip("\n").splitlines())
        yield ".fi"
    yield ".SH SEE ALSO"
    yield ", ".join(rf"\fBoutreply-{_text(each.path[0])}\fR(1)" for each in _groups(root))


def _group_page(group: Command) -> Iterator[str]:
    yield from _head(f"outreply-{group.path[0]}", group.summary.rstrip("."))
    yield from (
        ".SH SYNOPSIS",
        rf"\fB{_text(group.full_name)}\fR \fICOMMAND\fR ... [\fIOPTIONS\fR]",
    )
    for command in group.walk():
        if not command.commands:
            yield from _command(command)
    yield from (".SH SEE ALSO", r"\fBoutreply\fR(1)")


def _command(command: Command) -> Iterator[str]:
    yield from (f".SH {_text(command.full_name.upper())}", _text(command.usage), ".PP")
    yield from _prose(f"{command.summary}\n\n{command.description}")
    for one in (*command.arguments, *command.options):
        yield from (".TP", _label(one), _text(one.help) or r"\&")
    if command.examples:
        yield from (".PP", "Examples:", ".PP", ".nf")
        yield from (_text(f"    {example}") for example in command.examples)
        yield ".fi"


def _head(name: str, purpose: str) -> Iterable[str]:
    return (
        f'.TH {name.upper()} 1 "" "outreply {__version__}" "User Commands"',
        ".SH NAME",
        rf"{_text(name)} \- {_text(purpose)}",
    )


def _label(one: Parameter) -> str:
    if not one.flags:
        return rf"\fI{_text(one.metavar)}\fR"
    flags = ", ".join(rf"\fB{_text(flag)}\fR" for flag in reversed(one.flags))
    return rf"{flags} \fI{_text(one.metavar)}\fR" if one.metavar else flags


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
    # A line that begins so would be a request.
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
