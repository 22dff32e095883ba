"""The command line as data: every command with its purpose, arguments and options.

Help, manual pages and shell completion are all written from it.
"""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

_EXAMPLE = re.compile(r"^Example: +(.*)$")


@dataclass(frozen=True)
class Parameter:
    """An option, or an argument when it has no flags.

    Attributes:
        name: What the command's function calls it.
        flags: Such as `--page` and `-p`, the long one first.
        metavar: What stands for its value; empty for a switch.
        help: One line or two.
        panel: The heading it is listed under; empty for the first.
        repeats: Whether it may be given several times.
        is_required: Whether the command needs it.
        default: As it would be typed; empty where it says nothing.
    """

    name: str
    flags: tuple[str, ...]
    metavar: str
    help: str
    panel: str = ""
    repeats: bool = False
    is_required: bool = False
    default: str = ""

    @property
    def takes_value(self) -> bool:
        """Whether a word follows it."""
        return bool(self.metavar)


@dataclass(frozen=True)
class Command:
    """A command, or a group of commands.

    Attributes:
        path: The words after `outreply`.
        purpose: One line.
        text: What else is to be known: paragraphs, without the examples.
        examples: Command lines that work when they are pasted.
        parameters: Arguments and options, but for `--help`.
        commands: Of a group.
    """

    path: tuple[str, ...]
    purpose: str
    text: str = ""
    examples: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    commands: tuple["Command", ...] = ()

    @property
    def words(self) -> str:
        """What is typed to call it."""
        return " ".join(("outreply", *self.path))

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """In their order."""
        return tuple(one for one in self.parameters if not one.flags)

    @property
    def options(self) -> tuple[Parameter, ...]:
        """Its own and the shared ones, `--help` last."""
        return (*(one for one in self.parameters if one.flags), HELP)

    @property
    def usage(self) -> str:
        """How it is called, on one line."""
        words = [self.words]
        if self.commands:
            words.append("COMMAND ...")
        for one in self.arguments:
            shown = one.metavar
            words.append(shown if one.is_required or shown.startswith("[") else f"[{shown}]")
        words += [
            f"{one.flags[0]} {one.metavar}{'...' if one.repeats else ''}"
            for one in self.options
            if one.is_required
        ]
        return " ".join([*words, "[OPTIONS]"])

    def walk(self) -> Iterator["Command"]:
        """It and every command below it, depth first."""
        yield self
        for command in self.commands:
            yield from command.walk()

    def find(self, words: Sequence[str]) -> "Command | None":
        """The command that `words` lead to from here, if there is one."""
        found: Command | None = self
        for word in words:
            found = next((c for c in found.commands if c.path[-1] == word), None) if found else None
        return found


HELP = Parameter("help", ("--help", "-h"), "", "Show this help.")


def root_of(told: str, purposes: Mapping[str, str]) -> Command:
    """The root without what its commands take.

    Args:
        told: What it is, a paragraph of one line first.
        purposes: One line about each command, by name.
    """
    purpose, _, text = told.partition("\n\n")
    below = tuple(Command((name,), line) for name, line in purposes.items())
    version = Parameter("version", ("--version",), "", "Show the version.")
    return Command((), purpose, text, parameters=(version,), commands=below)


def read_command(command: Any, path: Sequence[str]) -> Command:
    """What a Typer command says of itself; a group's members are left out."""
    text = inspect.cleandoc(command.help or "")
    paragraphs = [each.strip("\n") for each in text.split("\n\n")]
    examples = [
        found[1] for each in paragraphs if (found := _EXAMPLE.match(" ".join(each.split())))
    ]
    prose = [each for each in paragraphs[1:] if not each.startswith("Example: ")]
    return Command(
        path=tuple(path),
        purpose=" ".join(paragraphs[0].split()),
        text="\n\n".join(prose),
        examples=tuple(examples),
        parameters=tuple(_parameter(each) for each in command.params if not each.hidden),
    )


def read_tree(command: Any, context: Any, path: Sequence[str] = ()) -> Command:
    """A Typer command and, for a group, everything below it; each module is imported for that."""
    read = read_command(command, path)
    if not hasattr(command, "list_commands"):
        return read
    below = [
        read_tree(found, context, (*path, name))
        for name in command.list_commands(context)
        if not (found := command.get_command(context, name)).hidden
    ]
    return replace(read, commands=tuple(below))


def _parameter(read: Any) -> Parameter:
    is_option = read.param_type_name == "option"
    is_switch = is_option and read.is_flag
    flags = sorted(read.opts, key=lambda flag: not flag.startswith("--")) if is_option else []
    metavar = "" if is_switch else (read.metavar or read.name.upper())
    return Parameter(
        name=read.name,
        flags=tuple(flags),
        metavar=metavar,
        help=" ".join((read.help or "").split()),
        panel=read.rich_help_panel or "",
        repeats=bool(getattr(read, "multiple", False)) or read.nargs == -1,
        is_required=bool(read.required),
        default=_default(read, is_switch=is_switch),
    )


def _default(read: Any, *, is_switch: bool) -> str:
    value = read.default
    if is_switch or value is None or callable(value) or isinstance(value, (list, tuple)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
