"""The help page of a command, written without Rich so that it appears immediately."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from outreply_cli.cli.tree import Command, Parameter
from outreply_cli.ui.output import Output

_MAX_WIDTH = 100
_MIN_WIDTH = 40
_MAX_LABEL_WIDTH = 28


def help_page(command: Command, output: Output) -> str:
    """The help of `command`, in the width and color of `output`."""
    return "\n".join(_Page(output).lines(command))


def topic_page(text: str, output: Output) -> str:
    """A help topic, its headings styled as those of a help page."""
    page = _Page(output)
    return "\n".join(
        page.heading(line) if line.endswith(":") and not line.startswith(" ") else line
        for line in text.rstrip("\n").splitlines()
    )


class _Page:
    def __init__(self, output: Output) -> None:
        self._width = max(_MIN_WIDTH, min(output.width, _MAX_WIDTH))
        self._style_text = output.style_text

    def lines(self, command: Command) -> Iterator[str]:
        yield from self._wrap(command.summary)
        yield ""
        usage = command.usage.removeprefix(f"{command.full_name} ")
        yield from self._usage(command.full_name, usage)
        for paragraph in filter(None, command.description.split("\n\n")):
            yield ""
            yield from self._paragraph(paragraph)
        rows = [(subcommand.path[-1], subcommand.summary) for subcommand in command.commands]
        yield from self._section("Commands", rows)
        yield from self._section("Arguments", [_row(argument) for argument in command.arguments])
        for group in dict.fromkeys(["", *(option.group for option in command.options)]):
            options = [_row(option) for option in command.options if option.group == group]
            yield from self._section(group or "Options", options)
        if command.examples:
            yield ""
            yield self.heading("Examples:")
            yield from (f"  {example}" for example in command.examples)
        yield from self._pointers(command)

    def heading(self, text: str) -> str:
        return self._style_text(text, "bold")

    def _usage(self, name: str, rest: str) -> Iterator[str]:
        first, *more = textwrap.wrap(
            f"Usage: {name} {rest}", self._width, subsequent_indent=" " * 7,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        yield first.replace("Usage:", self.heading("Usage:"), 1)
        yield from more

    def _pointers(self, command: Command) -> Iterator[str]:
        yield ""
        if command.commands:
            pointer = (
                f'Use "{command.full_name} COMMAND --help" for more information about a command.'
            )
            yield from (self._style_text(line, "dim") for line in self._wrap(pointer))
        if not command.path:
            yield self._style_text('Use "outreply help" for topics and exit codes.', "dim")
        elif not command.commands:
            yield self._style_text('Use "outreply help exit-codes" for exit codes.', "dim")

    def _section(self, title: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
        if not rows:
            return
        yield ""
        yield self.heading(f"{title}:")
        column = max((len(label) for label, _ in rows if len(label) <= _MAX_LABEL_WIDTH), default=0)
        for label, text in rows:
            yield from self._entry(label, text, column)

    def _entry(self, label: str, text: str, column: int) -> Iterator[str]:
        indent = 2 + column + 2
        lines = textwrap.wrap(text, self._width - indent, break_long_words=False) or [""]
        shown = self._style_text(label, "cyan")
        if len(label) > column:
            yield f"  {shown}"
        else:
            first = lines.pop(0)
            yield f"  {shown}{' ' * (column - len(label))}  {first}".rstrip()
        yield from (" " * indent + line for line in lines if line)

    def _paragraph(self, text: str) -> Iterable[str]:
        lines = text.splitlines()
        # Indented lines are laid out already.
        return lines if any(line.startswith("  ") for line in lines) else self._wrap(text)

    def _wrap(self, text: str) -> Iterable[str]:
        return textwrap.wrap(text, self._width, break_long_words=False, break_on_hyphens=False)


def _row(parameter: Parameter) -> tuple[str, str]:
    """The label of a parameter and its help, with `[required]` or `[default: …]`."""
    notes = "[required]" if parameter.is_required and parameter.flags else ""
    if parameter.default and "default" not in parameter.help:
        notes = f"[default: {parameter.default}]"
    text = f"{parameter.help} {notes}".strip()
    if not parameter.flags:
        return parameter.metavar, text
    # Short flags first, so that the long ones line up.
    label = ", ".join(sorted(parameter.flags, key=lambda flag: flag.startswith("--")))
    label = f"    {label}" if label.startswith("--") else label
    return f"{label} {parameter.metavar}".rstrip(), text
