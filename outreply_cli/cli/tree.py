"""The command tree as data: every command with its summary, arguments and options.

Help pages, man pages, shell completion and `outreply help --json` are generated from it.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from outreply_cli.cli.root_help import ROOT_HELP
from outreply_cli.completion.spec import load_spec

_EXAMPLE = re.compile(r"^Example: +(.*)$")


@dataclass(frozen=True, eq=False, repr=False)
class Parameter:
    """An option, or an argument when it has no flags.

    Attributes:
        name: The name of the function's parameter.
        flags: The flags, such as `--page` and `-p`, the long one first.
        metavar: The placeholder for the value; empty for a switch.
        help: A line or two of help.
        group: The heading it is listed under; empty for the first one.
        multiple: Whether it may be repeated.
        is_required: Whether the command requires it.
        default: The default value as typed; empty where none is worth showing.
    """

    name: str
    flags: tuple[str, ...]
    metavar: str
    help: str
    group: str = ""
    multiple: bool = False
    is_required: bool = False
    default: str = ""

    @property
    def takes_value(self) -> bool:
        """Whether a value follows it."""
        return bool(self.metavar)

    def as_json(self) -> dict[str, Any]:
        """The parameter as `outreply help --json` prints it."""
        return {
            "name": self.flags[0] if self.flags else self.name,
            **({"flags": list(self.flags)} if self.flags else {}),
            "metavar": self.metavar,
            "help": self.help,
            "default": self.default or None,
            "required": self.is_required,
            "multiple": self.multiple,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Command:
    """A command, or a group of commands.

    Attributes:
        path: The words after `outreply`.
        summary: The first sentence of the help.
        description: Further paragraphs, without the examples.
        examples: Command lines that work when pasted.
        parameters: Arguments and options, except `--help`.
        commands: The commands of a group.
    """

    path: tuple[str, ...]
    summary: str
    description: str = ""
    examples: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    commands: tuple["Command", ...] = ()

    @property
    def full_name(self) -> str:
        """The words that call the command, `outreply` included."""
        return " ".join(("outreply", *self.path))

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """The arguments, in order."""
        return tuple(parameter for parameter in self.parameters if not parameter.flags)

    @property
    def options(self) -> tuple[Parameter, ...]:
        """Its own options and the global ones, `--help` last."""
        return (*(parameter for parameter in self.parameters if parameter.flags), HELP)

    @property
    def usage(self) -> str:
        """The usage on one line: `outreply bulk schedule [OPTIONS] FILE...`."""
        words = [self.full_name]
        words += [
            f"{option.flags[0]} {option.metavar}{'...' if option.multiple else ''}"
            for option in self.options
            if option.is_required
        ]
        words.append("[OPTIONS]")
        if self.commands:
            words.append("COMMAND")
        for argument in self.arguments:
            is_bare = argument.is_required or argument.metavar.startswith("[")
            words.append(argument.metavar if is_bare else f"[{argument.metavar}]")
        return " ".join(words)

    def walk(self) -> Iterator["Command"]:
        """The command and every command below it, depth first."""
        yield self
        for command in self.commands:
            yield from command.walk()

    def find(self, words: Sequence[str]) -> "Command | None":
        """The command that `words` name from here, or None."""
        found: Command | None = self
        for word in words:
            subcommands = found.commands if found is not None else ()
            found = next((command for command in subcommands if command.path[-1] == word), None)
        return found


HELP = Parameter("help", ("--help", "-h"), "", "Show this help.")


def summarized_commands(path: Sequence[str]) -> tuple[Command, ...]:
    """The commands directly below the group at `path`, with their summaries only.

    Importing every command for its summary would take longer than all the rest.
    """
    summaries = load_spec()["commands"][" ".join(path)]["commands"]
    return tuple(Command((*path, name), line) for name, line in summaries.items())


def root_command() -> Command:
    """The root command, without the options of the commands below it; imports no Typer."""
    summary, _, description = ROOT_HELP.partition("\n\n")
    version = Parameter("version", ("--version",), "", "Show the version.")
    commands = summarized_commands(())
    return Command((), summary, description, parameters=(version,), commands=commands)


def command_from_typer(command: Any, path: Sequence[str]) -> Command:
    """A Typer command as data; the commands of a group are left out."""
    text = inspect.cleandoc(command.help or "")
    paragraphs = [paragraph.strip("\n") for paragraph in text.split("\n\n")]
    examples = [
        found[1]
        for paragraph in paragraphs
        if (found := _EXAMPLE.match(" ".join(paragraph.split())))
    ]
    prose = [paragraph for paragraph in paragraphs[1:] if not paragraph.startswith("Example: ")]
    return Command(
        path=tuple(path),
        summary=" ".join(paragraphs[0].split()),
        description="\n\n".join(prose),
        examples=tuple(examples),
        parameters=tuple(map(_parameter_from_typer, command.params)),
    )


def tree_from_typer(command: Any, path: Sequence[str] = ()) -> Command:
    """A Typer command with everything below it; imports the module of each command."""
    converted = command_from_typer(command, path)
    if not hasattr(command, "list_commands"):
        return converted
    subcommands = [
        tree_from_typer(command.get_command(None, name), (*path, name))
        for name in command.list_commands(None)
    ]
    return replace(converted, commands=tuple(subcommands))


def _parameter_from_typer(parameter: Any) -> Parameter:
    is_option = parameter.param_type_name == "option"
    is_switch = is_option and parameter.is_flag
    flags = sorted(parameter.opts, key=lambda flag: not flag.startswith("--")) if is_option else []
    metavar = "" if is_switch else (parameter.metavar or parameter.name.upper())
    return Parameter(
        name=parameter.name,
        flags=tuple(flags),
        metavar=metavar,
        help=" ".join((parameter.help or "").split()),
        group=parameter.rich_help_panel or "",
        multiple=bool(getattr(parameter, "multiple", False)) or parameter.nargs == -1,
        is_required=bool(parameter.required),
        default=_default(parameter, is_switch=is_switch),
    )


def _default(parameter: Any, *, is_switch: bool) -> str:
    value = parameter.default
    if is_switch or value is None or callable(value) or isinstance(value, (list, tuple)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
