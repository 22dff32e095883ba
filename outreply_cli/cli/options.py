"""The options that commands share, and the decorator that makes a function a command."""

import dataclasses
import inspect
import math
import re
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Annotated, Any, get_args

import typer

from outreply_cli.cli.typer_adapter import CommandSpec
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.spec.text import is_unicode
from outreply_cli.ui.options import GlobalOptions


def option(metavar: str, text: str, *flags: str, **settings: Any) -> Any:
    """Declare an option that takes a value; without `flags`, it has the name of its parameter."""
    return typer.Option(..., *flags, metavar=metavar, help=text, **settings)


def switch(text: str, *flags: str, **settings: Any) -> Any:
    """Declare an option without a value; without `flags`, it has the name of its parameter."""
    return typer.Option(..., *flags, help=text, **settings)


def argument(metavar: str, text: str) -> Any:
    """Declare an argument."""
    return typer.Argument(metavar=metavar, help=text)


Yes = Annotated[bool, switch("Skip confirmation prompts.", "--yes", "-y")]
Strict = Annotated[bool, switch("Treat violations of platform rules as errors.")]
TimeZone = Annotated[
    str | None,
    option(
        "ZONE",
        "Read local times in this zone, such as Europe/Paris, or 'brand' for the page's brand.",
    ),
]
DisplayZone = Annotated[
    str | None, option("ZONE", "Show times in this time zone, such as Europe/Paris.")
]
PollCount = Annotated[
    int | None,
    option("COUNT", "Stop after this many polls (default: run until interrupted).", min=1),
]
_common_option = partial(option, rich_help_panel="Common options")
_common_switch = partial(switch, rich_help_panel="Common options")
_OUTPUT_OPTIONS: dict[str, Any] = {
    "output": Annotated[
        str,
        _common_option(
            "FORMAT", "Print the result as table, json, jsonl, yaml, csv or tsv.", "--output", "-o"
        ),
    ],
    "json": Annotated[bool, _common_switch("Print JSON; short for -o json.")],
    "fields": Annotated[
        str | None, _common_option("A,B.C", "Print only these fields, in this order.")
    ],
    "quiet": Annotated[bool, _common_switch("Print only IDs, one per line.", "--quiet", "-q")],
    "no_color": Annotated[bool, _common_switch("Disable color.")],
    "plain": Annotated[bool, _common_switch("Disable color, boxes, bars and symbols.")],
}
_API_OPTIONS: dict[str, Any] = {
    "profile": Annotated[
        str | None, _common_option("NAME", "Use this profile.", "--profile", "-p")
    ],
    **_OUTPUT_OPTIONS,
    "verbose": Annotated[bool, _common_switch("Log requests to stderr.", "--verbose", "-v")],
    "max_wait": Annotated[
        str | None,
        _common_option(
            "DURATION",
            "Maximum total time for attempts, retries and rate-limit waits (default: 60s; "
            "unlimited for commands that run longer, such as bulk).",
        ),
    ],
}
_PRINT_OPTION = Annotated[
    str | None,
    option(
        "TOOL",
        "Print the request for curl, python, node, n8n, make or zapier; send nothing.",
        "--print",
    ),
]
# TEXT may be empty; so may SIGNATURE, because it is untrusted input to verify.
_MAY_BE_EMPTY = frozenset({"TEXT", "SIGNATURE"})
# A file name may be any bytes.
_MAY_BE_BYTES = re.compile(r"FILE|DIR|PLAN")
_TIME_METAVARS = frozenset({"TIME", "DURATION", "ZONE", "DATE"})


def command(
    *,
    api: bool = True,
    output: bool = True,
    streams: bool = False,
    has_print_option: bool = False,
    **context_settings: Any,
) -> Callable[[Callable[..., None]], CommandSpec]:
    """Make a function a command: it gets the context first and its own options by name.

    A parameter whose type is a dataclass is an option group: each field is an option.

    Args:
        api: Whether the command calls the API; otherwise it takes the output options only.
        output: Whether it prints a result; otherwise it takes no common options.
        streams: Whether the command runs until it is stopped, so that it prints no single value.
        has_print_option: Whether it takes `--print`, which prints the requests and sends nothing.
        context_settings: Further settings of Typer's context.
    """
    common = {} if not output else _API_OPTIONS if api else _OUTPUT_OPTIONS
    common = {"print_as": _PRINT_OPTION, **common} if has_print_option else common

    def declare(function: Callable[..., None]) -> CommandSpec:
        _, *declared = inspect.signature(function).parameters.values()
        groups: dict[str, Any] = {
            parameter.name: parameter.annotation
            for parameter in declared
            if dataclasses.is_dataclass(parameter.annotation)
        }
        own = [option for parameter in declared for option in _expand(parameter)]
        # A command's own option replaces the common one of the same name.
        replaced = {option.name for option in own}
        added = {name: kind for name, kind in common.items() if name not in replaced}

        def run(ctx: typer.Context, **values: Any) -> None:
            options = {name: values.pop(name) for name in added}
            if options.pop("json", False):
                options["output"] = "json"
            context: Context = ctx.obj
            context.command = " ".join(ctx.command_path.split()[1:])
            context.configure(GlobalOptions(**options))
            if streams and context.options.output not in {"table", "jsonl"}:
                raise InvalidInputError(
                    f"{context.command} prints a stream and does not support "
                    f"-o {context.options.output}",
                    hint="Use -o jsonl.",
                )
            _check_values(ctx)
            if context.options.fields is not None:
                _check_fields(context)
            for name, group in groups.items():
                fields = [field.name for field in dataclasses.fields(group)]
                values[name] = group(**{field: values.pop(field) for field in fields})
            try:
                _check_max_wait(context)
                function(context, **values)
            except TimeError as error:
                raise _with_option_name(ctx, error) from None

        parameters = [
            _keyword("ctx", typer.Context, inspect.Parameter.empty),
            *own,
            *(
                _keyword(name, kind, getattr(GlobalOptions, name, False))
                for name, kind in added.items()
            ),
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__doc__ = function.__doc__
        run.__name__ = function.__name__
        return CommandSpec(run, **context_settings)

    return declare


def _check_max_wait(context: Context) -> None:
    """Raise TimeError for an invalid `--max-wait`, even if the command sends no request."""
    if context.options.max_wait is not None:
        from outreply_cli.times import parse_duration

        parse_duration(context.options.max_wait)


def _check_fields(context: Context) -> None:
    from outreply_cli.cli.reference import OPEN_RESULTS, result_schema

    schema = result_schema(context.command)
    if schema is not None:
        context.declare_result(schema, is_open=context.command in OPEN_RESULTS)


def _expand(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """The options of an option group, or the option itself, as keyword-only parameters."""
    if not dataclasses.is_dataclass(parameter.annotation):
        return [_keyword(parameter.name, parameter.annotation, parameter.default)]
    fields = dataclasses.fields(parameter.annotation)
    return [_keyword(field.name, field.type, field.default) for field in fields]


def _keyword(name: str, kind: Any, default: Any) -> inspect.Parameter:
    if get_args(kind)[:1] == (bool,):
        declared = copy(get_args(kind)[1])
        # Typer would add `--no-…` to a switch without flags.
        declared.param_decls = declared.param_decls or (f"--{name.replace('_', '-')}",)
        kind = Annotated[bool, declared]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=kind)


def parse_interval(text: str) -> float:
    """The seconds between two polls, from `--interval`; raises InvalidInputError below one."""
    from outreply_cli.times import parse_duration

    seconds = parse_duration(text).total_seconds()
    if seconds < 1:
        raise InvalidInputError("--interval is too short", hint="Use 1s or more.")
    return seconds


def _with_option_name(ctx: typer.Context, error: TimeError) -> TimeError:
    """The error with the option or argument that has the invalid time, duration or time zone."""
    given = [
        (_display_name(parameter), str(ctx.params[str(parameter.name)]))
        for parameter in ctx.command.params
        if str(parameter.metavar).strip("[]") in _TIME_METAVARS
        and ctx.params.get(str(parameter.name)) is not None
    ]
    named = [name for name, value in given if repr(value) in error.message]
    named = named or [name for name, _ in given if name == "--at"]
    if not named or error.message.startswith(named[0]):
        return error
    return error.replace(message=f"{named[0]}: {error.message}")


def _check_values(ctx: typer.Context) -> None:
    """Raise InvalidInputError for a value that no command can use: an empty one, or stray bytes."""
    for parameter in ctx.command.params:
        value = ctx.params.get(str(parameter.name))
        for word in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(word, str):
                _check_word(ctx, parameter, word)
            elif isinstance(word, float) and not math.isfinite(word):
                # Infinity and NaN pass Typer's own range check.
                raise InvalidInputError(
                    f"{parameter.opts[0]}: {word:g} is not a finite number",
                    hint=f"See: {ctx.command_path} --help",
                )


def _check_word(ctx: typer.Context, parameter: Any, word: str) -> None:
    metavar, name = str(parameter.metavar), _display_name(parameter)
    hint = f"See: {ctx.command_path} --help"
    if not word.strip() and metavar not in _MAY_BE_EMPTY:
        raise InvalidInputError(f"{name} is empty", hint=hint)
    if not _MAY_BE_BYTES.search(metavar) and not is_unicode(word):
        raise InvalidInputError(f"{name} is not valid UTF-8", hint=hint)


def _display_name(parameter: Any) -> str:
    """The name of an option or argument in messages: `--page`, `FILE`."""
    if parameter.param_type_name == "option":
        return str(max(parameter.opts, key=len))
    return str(parameter.metavar or parameter.name.upper()).strip("[].…")
