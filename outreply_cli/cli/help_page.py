"""The help of a command: written without rich, so that it is there at once."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from outreply_cli.cli.tree import Command, Parameter
from outreply_cli.ui.output import Output

_WIDEST = 100
_NARROWEST = 40
_WIDEST_LABEL = 28
_BOLD, _CYAN, _DIM, _PLAIN = "\x1b[1m", "\x1b[36m", "\x1b[2m", "\x1b[0m"


def help_page(command: Command, output: Output) -> str:
    """The help of `command`, as wide and as colourful as `output`."""
    return "\n".join(_Page(output).lines(command))


def topic_page(text: str, output: Output) -> str:
    """A topic, with its headings as those of help."""
    page = _Page(output)
    return "\n".join(
        page.heading(line) if line.endswith(":") and not line.startswith(" ") else line
        for line in text.rstrip("\n").splitlines()
    )


class _Page:
    def __init__(self, output: Output) -> None:
        self._width = max(_NARROWEST, min(output.width, _WIDEST))
        self._color = output.color

    def lines(self, command: Command) -> Iterator[str]:
        yield from self._wrapped(command.purpose)
        yield ""
        usage = command.usage.removeprefix(f"{command.words} ")
        yield from self._usage(command.words, usage)
        for paragraph in filter(None, command.text.split("\n\n")):
            yield ""
            yield from self._paragraph(paragraph)
        rows = [(each.path[-1], each.purpose) for each in command.commands]
        yield from self._section("Commands", rows)
        yield from self._section("Arguments", [_row(one) for one in command.arguments])
        for panel in dict.fromkeys(["", *(one.panel for one in command.options)]):
            options = [_row(one) for one in command.options if one.panel == panel]
            yield from self._section(panel or "Options", options)
        if command.examples:
            yield ""
            yield self.heading("Examples:")
            yield from (f"  {example}" for example in command.examples)
        yield from self._pointers(command)

    def heading(self, text: str) -> str:
        return self._styled(text, _BOLD)

    def _usage(self, words: str, rest: str) -> Iterator[str]:
        first, *more = textwrap.wrap(
            f"Usage: {words} {rest}", self._width, subsequent_indent=" " * 7,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        yield first.replace("Usage:", self.heading("Usage:"), 1)
        yield from more

    def _pointers(self, command: Command) -> Iterator[str]:
        yield ""
        if not command.commands:
            yield self._styled("Exit codes: outreply help exit-codes", _DIM)
        elif command.path:
            yield self._styled(f"More of one: {command.words} COMMAND --help", _DIM)
        else:
            yield self._styled("More of one: outreply COMMAND --help", _DIM)
            yield self._styled("Topics and exit codes: outreply help", _DIM)

    def _section(self, title: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
        if not rows:
            return
        yield ""
        yield self.heading(f"{title}:")
        room = max((len(label) for label, _ in rows if len(label) <= _WIDEST_LABEL), default=0)
        for label, text in rows:
            yield from self._entry(label, text, room)

    def _entry(self, label: str, text: str, room: int) -> Iterator[str]:
        indent = 2 + room + 2
        lines = textwrap.wrap(text, self._width - indent, break_long_words=False) or [""]
        shown = self._styled(label, _CYAN)
        if len(label) > room:
            yield f"  {shown}"
        else:
            first = lines.pop(0)
            yield f"  {shown}{' ' * (room - len(label))}  {first}".rstrip()
        yield from (" " * indent + line for line in lines if line)

    def _paragraph(self, text: str) -> Iterable[str]:
        lines = text.splitlines()
        # What is indented is laid out already.
        return lines if any(line.startswith("  ") for line in lines) else self._wrapped(text)

    def _wrapped(self, text: str) -> Iterable[str]:
        return textwrap.wrap(text, self._width, break_long_words=False, break_on_hyphens=False)

    def _styled(self, text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if self._color else text


def _row(one: Parameter) -> tuple[str, str]:
    if not one.flags:
        return one.metavar, one.help
    # Short ones first, so that the long ones stand in one column.
    short = [flag for flag in one.flags if not flag.startswith("--")]
    long = [flag for flag in one.flags if flag.startswith("--")]
    label = ", ".join([*short, *long])
    label = (label if short else f"    {label}") + (f" {one.metavar}" if one.metavar else "")
    notes = ["needed"] if one.is_required else []
    notes += [f"{one.default} by default"] if one.default and "default" not in one.help else []
    text = one.help
    if notes:
        told = f"({'; '.join(notes)})"
        text = f"{text} {told}" if text else told
    return label, text
