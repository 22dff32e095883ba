"""What every command shares: its options, and how it is handed the session."""

import inspect
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.text import is_unicode
from outreply_cli.ui.options import Choices

if TYPE_CHECKING:
    from outreply_cli.cli.tree import Command

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with yes.")]
TimeZone = Annotated[
    str | None,
    typer.Option(
        "--tz", metavar="ZONE", help="Time zone of local times, such as Europe/Paris; or 'brand'."
    ),
]
ShownZone = Annotated[
    str | None,
    typer.Option("--tz", metavar="ZONE", help="Time zone of local times, such as Europe/Paris."),
]

Looks = Annotated[
    int | None, typer.Option("--max", metavar="N", min=1, help="Looks; for ever without.")
]

# The kind of error that a wrong option raises; typer exports only a child of it.
WrongUsage: type[Exception] = typer.BadParameter.__mro__[2]

_SETTINGS: dict[str, Any] = {
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
_SHARED = "Options of every command"
_OUTPUT_OPTIONS: dict[str, Any] = {
    "output": Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FORMAT", help="table, json, jsonl, yaml, csv or tsv.",
            rich_help_panel=_SHARED,
        ),
    ],
    "json": Annotated[
        bool, typer.Option("--json", help="Short for -o json.", rich_help_panel=_SHARED)
    ],
    "fields": Annotated[
        str | None,
        typer.Option(
            metavar="A,B.C", help="Only these fields, in this order.", rich_help_panel=_SHARED
        ),
    ],
    "quiet": Annotated[
        bool, typer.Option("--quiet", "-q", help="Only ids, one a line.", rich_help_panel=_SHARED)
    ],
    "no_color": Annotated[
        bool, typer.Option("--no-color", help="No colours.", rich_help_panel=_SHARED)
    ],
    "plain": Annotated[
        bool,
        typer.Option("--plain", help="No boxes, bars or symbols.", rich_help_panel=_SHARED),
    ],
}  # fmt: skip
_API_OPTIONS: dict[str, Any] = {
    "profile": Annotated[
        str | None,
        typer.Option(
            "--profile", "-p", metavar="NAME", help="Which stored account to use.",
            rich_help_panel=_SHARED,
        ),
    ],
    **_OUTPUT_OPTIONS,
    "verbose": Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Each request on stderr.", rich_help_panel=_SHARED),
    ],
    "max_wait": Annotated[
        str | None,
        typer.Option(
            metavar="T", help="How long retries and waits for a limit may go on.",
            rich_help_panel=_SHARED,
        ),
    ],
}  # fmt: skip
# An empty text is a text, and an empty signature is one to judge.
_MAY_BE_EMPTY = frozenset({"TEXT", "S"})
# A file's name is whatever bytes it was given.
_MAY_BE_BYTES = re.compile(r"FILE|DIR|PLAN")
_DEFAULTS: dict[str, Any] = {"output": "table", "json": False, "quiet": False, "no_color": False,
                             "plain": False, "verbose": False}  # fmt: skip


class UnknownCommandError(InvalidInputError):
    """There is no command called that."""

    code = "USAGE"


class HelpfulCommand(TyperCommand):
    """A command whose help is our own page, and whose errors know where they came from."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed; raises WrongUsage with the command that it was typed for."""
        try:
            return super().parse_args(ctx, args)
        except WrongUsage as failure:
            wrong: Any = failure
            # Typer leaves it out where an option lacks its value, or has one too many.
            wrong.ctx = wrong.ctx or ctx
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write its help."""
        formatter.write(_page_of(self, ctx))


class HelpfulGroup(TyperGroup):
    """A group whose help is our own page, and which knows what was meant."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write its help."""
        formatter.write(_page_of(self, ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named; raises UnknownCommandError with the nearest one."""
        names = self.list_commands(ctx)
        if args[0] in names or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        import difflib

        near = difflib.get_close_matches(args[0], names, n=1)
        hint = f"Did you mean: {ctx.command_path} {near[0]}" if near else None
        raise UnknownCommandError(
            f"there is no command {ctx.command_path} {args[0]}",
            hint=hint or f"See: {ctx.command_path} --help",
        )

    def purpose_of(self, ctx: Any, name: str) -> str:
        """One line about one of its commands."""
        from outreply_cli.cli.tree import read_command

        return read_command(self.get_command(ctx, name), ()).purpose


def describe(command: Any, path: Sequence[str], context: Any) -> "Command":
    """A command as data; of a group's commands their names and purposes alone."""
    import dataclasses

    from outreply_cli.cli.tree import Command, read_command

    read = read_command(command, path)
    if not isinstance(command, HelpfulGroup):
        return read
    below = tuple(
        Command((*path, name), command.purpose_of(context, name))
        for name in command.list_commands(context)
    )
    return dataclasses.replace(read, commands=below)


def _page_of(command: Any, ctx: Any) -> str:
    from outreply_cli.cli.help_page import help_page

    session: Session = ctx.obj
    return help_page(describe(command, ctx.command_path.split()[1:], ctx), session.output)


def new_group(help_line: str) -> typer.Typer:
    """A group of commands."""
    group = typer.Typer(help=help_line, cls=HelpfulGroup, no_args_is_help=True, **_SETTINGS)
    # Without a callback a group of one command would become that command.
    group.callback()(lambda: None)
    return group


def new_command() -> typer.Typer:
    """What holds a command that stands by itself; it is made with `cls=HelpfulCommand`."""
    return typer.Typer(**_SETTINGS)


def command(
    group: typer.Typer, name: str, *, api: bool = True, **settings: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command: it takes the session first and its own options by name.

    Args:
        group: Where it belongs.
        name: What people type.
        api: Whether it talks to the API, and so takes the options of every such command; others
            take those of output alone.
        settings: More for typer.
    """
    shared = _API_OPTIONS if api else _OUTPUT_OPTIONS

    def declare(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]
        # A command that has an option of its own by a shared name goes without the shared one.
        taken = {parameter.name for parameter in own}
        added = {key: kind for key, kind in shared.items() if key not in taken}

        def run(ctx: typer.Context, **values: Any) -> None:
            chosen = {key: values.pop(key) for key in added}
            if chosen.pop("json", False):
                chosen["output"] = "json"
            session: Session = ctx.obj
            session.configure(Choices(**chosen))
            _check_values(ctx)
            function(session, **values)

        parameters = [
            inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
            *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own),
            *(
                inspect.Parameter(
                    key, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS.get(key), annotation=kind
                )
                for key, kind in added.items()
            ),
        ]
        declared: Any = run
        declared.__signature__ = inspect.Signature(parameters)
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__ = function.__doc__
        run.__name__ = function.__name__
        group.command(name, cls=HelpfulCommand, **settings)(run)
        return function

    return declare


def read_interval(text: str) -> float:
    """The seconds between two looks that `--interval` says; raises InvalidInputError below one."""
    from outreply_cli.times import read_duration

    seconds = read_duration(text).total_seconds()
    if seconds < 1:
        raise InvalidInputError("--interval is too short", hint="Give it a second or more.")
    return seconds


def _check_values(ctx: typer.Context) -> None:
    """Raise InvalidInputError for a value that no command can use: an empty one, or stray bytes."""
    for parameter in ctx.command.params:
        value = ctx.params.get(str(parameter.name))
        for word in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(word, str):
                _check_word(ctx, parameter, word)
            elif isinstance(word, float) and not math.isfinite(word):
                # It is within any bounds that Typer was given.
                raise InvalidInputError(
                    f"{parameter.opts[0]}: {word:g} is no number to go by",
                    hint=f"See: {ctx.command_path} --help",
                )


def _check_word(ctx: typer.Context, parameter: Any, word: str) -> None:
    metavar = str(parameter.metavar)
    is_option = parameter.param_type_name == "option"
    name = max(parameter.opts, key=len) if is_option else metavar.strip("[].…")
    hint = f"See: {ctx.command_path} --help"
    if not word.strip() and metavar not in _MAY_BE_EMPTY:
        raise InvalidInputError(f"{name} is empty", hint=hint)
    if not _MAY_BE_BYTES.search(metavar) and not is_unicode(word):
        raise InvalidInputError(f"{name} has bytes in it that are no UTF-8 text", hint=hint)
