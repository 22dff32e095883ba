"""The one module that knows Typer's internals: lazy groups, help pages, usage errors.

Typer builds every command before it runs one, writes its own help, and exports neither its group
class's hooks nor its usage error. All of that is adapted here, so that a new release of Typer is
one file to check.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from outreply_cli.cli.root_help import ROOT_HELP
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import did_you_mean

if TYPE_CHECKING:
    from outreply_cli.cli.tree import Command

# The error for a wrong command line; Typer exports only a subclass.
UsageError: type[Exception] = typer.BadParameter.__mro__[2]
Abort = typer.Abort

_SETTINGS: dict[str, Any] = {
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
_COMMON_FLAGS = frozenset({
    "-p", "--profile", "-o", "--output", "--json", "--fields", "-q", "--quiet", "-v", "--verbose",
    "--no-color", "--plain", "--max-wait",
})  # fmt: skip
_SECRET_FLAGS = frozenset(
    {"--token", "--api-key", "--api-token", "--access-token", "--password", "--secret"}
)
_NUMBER_ERRORS = {"int": "is not a whole number", "float": "is not a number"}


class CommandSpec:
    """A command's function and how Typer is to call it; made by `options.command`.

    Attributes:
        run: Function that Typer calls, with every option in its signature.
        context_settings: Further settings of Typer's context.
    """

    def __init__(self, run: Callable[..., None], **context_settings: Any) -> None:
        self.run = run
        self.context_settings = _SETTINGS["context_settings"] | context_settings

    def build(self, name: str) -> Any:
        """The Typer command called `name`; it keeps nothing of the command lines that it ran."""
        app = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
        )
        app.command(name, cls=HelpCommand, context_settings=self.context_settings)(self.run)
        return typer.main.get_command(app)


class CommandLineError(InvalidInputError):
    """A command line that cannot be parsed."""

    code = "USAGE"


def _write_help(command: Any, ctx: Any, formatter: Any) -> None:
    from outreply_cli.cli.help_page import help_page

    path = ctx.command_path.split()[1:]
    formatter.write(help_page(to_command(command, path), ctx.obj.output))


class HelpCommand(TyperCommand):
    """A command that prints a help page from the command tree."""

    format_help = _write_help

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; raises UsageError that names the command."""
        try:
            return super().parse_args(ctx, args)
        except UsageError as failure:
            error: Any = failure
            # Typer omits the context when an option lacks its value or has one too many.
            error.ctx = error.ctx or ctx
            raise


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are used.

    Args:
        package: The package that holds one module per command.
        names: The commands in reading order.
        default: The command that runs when none is named; None for the help page.
    """

    format_help = _write_help

    def __init__(
        self, package: str, names: Sequence[str], *, default: str | None = None, **settings: Any
    ) -> None:
        super().__init__(no_args_is_help=default is None, **_SETTINGS, **settings)
        self._package = package
        self._names = names
        self._default = default

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; without a command, the default one gets the options."""
        # `--` separates options from arguments; alone, it stands for nothing.
        if all(word == "--" for word in args):
            args = []
        is_bare = not args or (args[0].startswith("-") and args[0] not in {"-h", "--help"})
        if self._default is not None and is_bare:
            args = [self._default, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands, in reading order."""
        return list(self._names)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command called `cmd_name`, whose module is imported now; None if unknown."""
        if cmd_name not in self._names:
            return None
        return _load_command(self._package, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that `args` start with.

        Raises:
            CommandLineError: No command has that name; the hint names the nearest one.
        """
        if args[0] in self._names or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        raise CommandLineError(
            f'unknown command "{args[0]}" for {ctx.command_path}',
            hint=_command_hint(ctx.command_path, args[0], self._names),
        )


@cache
def _load_command(package: str, name: str) -> Any:
    # Cached for processes that run many command lines: building takes longer than most commands.
    module = importlib.import_module(f"{package}.{name.replace('-', '_')}")
    if not hasattr(module, "COMMANDS"):
        spec: CommandSpec = module.run
        return spec.build(name)
    return LazyGroup(
        module.__name__,
        module.COMMANDS,
        default=getattr(module, "DEFAULT", None),
        name=name,
        help=inspect.cleandoc(str(module.__doc__)),
    )


def root_group() -> LazyGroup:
    """The root of the command tree."""
    commands = importlib.import_module("outreply_cli.commands")
    version = TyperOption(
        param_decls=["--version"], is_flag=True, default=False, help="Show the version."
    )
    return LazyGroup(
        commands.__name__, commands.COMMANDS, name="outreply", help=ROOT_HELP, params=[version],
        callback=lambda **_: None,
    )  # fmt: skip


def to_command(command: Any, path: Sequence[str]) -> "Command":
    """A Typer command as data, with the names and summaries of the commands directly below it."""
    import dataclasses

    from outreply_cli.cli.tree import command_from_typer, summarized_commands

    converted = command_from_typer(command, path)
    if not isinstance(command, LazyGroup):
        return converted
    return dataclasses.replace(converted, commands=summarized_commands(path))


def is_missing_command(error: Exception) -> bool:
    """Whether `error` says that a group was named without a command; its text is the help."""
    return type(error).__name__ == "NoArgsIsHelpError"


def to_input_error(error: Any) -> InvalidInputError:
    """Convert Typer's usage error to CommandLineError, with a hint at what was probably meant."""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "outreply"
    message, hint = error.format_message(), f"See: {path} --help"
    message = _rephrase(message.removesuffix("."), path)
    option = getattr(error, "option_name", None)
    if option is not None and message.startswith("No such option"):
        message = f"unknown option {option} for {path}"
        hint = _option_hint(ctx, option, path) or hint
    return CommandLineError(message, hint=hint)


def _rephrase(message: str, path: str) -> str:
    """Rephrase Typer's message about a value, such as `--limit: 0 is less than 1`."""
    extra = re.fullmatch(r"Got unexpected extra argument\(s\) \((.*)\)", message, re.DOTALL)
    if extra is not None:
        # Several are joined by spaces.
        return f"unexpected argument {extra[1]!r} for {path}"
    names = re.findall(r"'(.*?)'", message)
    if message.startswith("Missing "):
        return f"{_strip_metavar(max(names, key=len).removeprefix('-- '))} is required"
    if message.endswith("requires an argument"):
        return f"{names[0]} requires a value"
    if message.startswith("Invalid value for "):
        flags = message.removeprefix("Invalid value for ").partition(": ")[0]
        name = _strip_metavar(max(re.findall(r"'(.*?)'", flags), key=len))
        message = f"{name}: {message.partition(': ')[2]}"
    message = re.sub(r"is not in the range x>=(\S+)$", r"is less than \1", message)
    message = re.sub(r"is not in the range (\S+?)<=x<=(\S+)$", r"is not between \1 and \2", message)
    return re.sub(
        r"is not a valid (int|float)\w*( range)?$", lambda found: _NUMBER_ERRORS[found[1]], message
    )


def _strip_metavar(name: str) -> str:
    """Return the name of an option, or that of an argument such as `[ID...]` as `ID`."""
    return name.strip("[].…")


def _command_hint(path: str, typed: str, names: Iterable[str]) -> str:
    import difflib

    from outreply_cli.formats.json import load_data

    known = {name: f"{path} {name}" for name in names}
    # Commands of other tools by the group where they are typed, and the equivalent here.
    of_other_tools = load_data(__file__, "other_tools.json")
    for word, words in of_other_tools.get(path, {}).items():
        known.setdefault(word, f"outreply {words}")
    word = typed.lower()
    # A verb without its group.
    verbs = [] if word in known else _commands_with_verb(path, word)
    if len(verbs) == 1:
        return f"Did you mean: {verbs[0]}"
    near = [] if verbs else difflib.get_close_matches(word, known, n=1)
    return f"Did you mean: {known[near[0]]}" if near else f"See: {path} --help"


def _commands_with_verb(path: str, verb: str) -> list[str]:
    from outreply_cli.completion.spec import load_spec

    commands = [f"outreply {command}" for command in load_spec()["commands"] if command]
    pattern = re.compile(rf"{re.escape(path)} \S+ {re.escape(verb)}")
    return [command for command in commands if pattern.fullmatch(command)]


def _option_hint(ctx: Any, option: str, path: str) -> str | None:
    if option in _SECRET_FLAGS:
        return (
            "No option takes a secret, because other users can see command lines. Set "
            "OUTREPLY_API_KEY or OUTREPLY_WEBHOOK_SECRET, or run: outreply auth login"
        )
    if isinstance(ctx.command, LazyGroup) and option in _COMMON_FLAGS:
        return f"Put {option} after the command: {path} COMMAND {option}"
    if option in {"--yes", "-y"}:
        if path.startswith("outreply mcp "):
            return f"Plans of agents are decided in a terminal; remove {option}"
        if path == "outreply comments triage":
            return "In scripts, use: outreply comments reply COMMENT --yes"
        return f"This command does not ask for confirmation; remove {option}"
    if not option.startswith("--"):
        return None
    # Compared without the dashes, which all of them share.
    flags = [flag for parameter in ctx.command.params for flag in parameter.opts]
    known = [flag[2:] for flag in [*flags, "--help"] if flag.startswith("--")]
    return did_you_mean(option[2:], known, prefix="--")
