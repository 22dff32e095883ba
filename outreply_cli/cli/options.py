"""The options that commands share, and the decorator that makes a function a command."""

import dataclasses
import inspect
import math
import re
from collections.abc import Callable
from typing import Annotated, Any

import typer

from outreply_cli.cli.typer_adapter import CommandSpec
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.spec.text import is_unicode
from outreply_cli.ui.options import GlobalOptions

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip confirmation prompts.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Treat broken rules of a platform as errors.")
]
TimeZone = Annotated[
    str | None,
    typer.Option(
        "--tz", metavar="ZONE",
        help="Time zone of local times, such as Europe/Paris, or 'brand' for the page's brand.",
    ),
]  # fmt: skip
DisplayZone = Annotated[
    str | None,
    typer.Option("--tz", metavar="ZONE", help="Time zone of local times, such as Europe/Paris."),
]
PollCount = Annotated[
    int | None,
    typer.Option(
        "--count", metavar="COUNT", min=1,
        help="Stop after this many polls (default: run until interrupted).",
    ),
]  # fmt: skip


def _global_option(kind: Any, *flags: str, text: str, metavar: str | None = None) -> Any:
    option = typer.Option(*flags, metavar=metavar, help=text, rich_help_panel="Common options")
    return Annotated[kind, option]


_OUTPUT_OPTIONS: dict[str, Any] = {
    "output": _global_option(
        str, "--output", "-o", metavar="FORMAT",
        text="Print the result as table, json, jsonl, yaml, csv or tsv.",
    ),
    "json": _global_option(bool, "--json", text="Print JSON; short for -o json."),
    "fields": _global_option(
        str | None, metavar="A,B.C", text="Print only these fields, in this order."
    ),
    "quiet": _global_option(bool, "--quiet", "-q", text="Print only IDs, one per line."),
    "no_color": _global_option(bool, "--no-color", text="Disable color."),
    "plain": _global_option(bool, "--plain", text="Disable color, boxes, bars and symbols."),
}  # fmt: skip
_API_OPTIONS: dict[str, Any] = {
    "profile": _global_option(
        str | None, "--profile", "-p", metavar="NAME", text="Use this profile."
    ),
    **_OUTPUT_OPTIONS,
    "verbose": _global_option(bool, "--verbose", "-v", text="Log requests to stderr."),
    "max_wait": _global_option(
        str | None, metavar="DURATION",
        text="Maximum total time for attempts, retries and rate-limit waits.",
    ),
}  # fmt: skip
_PRINT_OPTION = Annotated[
    str | None,
    typer.Option(
        "--print", metavar="TOOL",
        help="Print the request for curl, python, node, n8n, make or zapier; send nothing.",
    ),
]  # fmt: skip
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
    prints: bool = False,
    **context_settings: Any,
) -> Callable[[Callable[..., None]], CommandSpec]:
    """Make a function a command: it gets the context first and its own options by name.

    A parameter whose type is a dataclass is an option group: each field is an option.

    Args:
        api: Whether the command calls the API; otherwise it takes the output options only.
        output: Whether it prints a result; otherwise it takes no common options.
        streams: Whether the command runs until it is stopped, so that it prints no single value.
        prints: Whether it takes `--print`, and then calls `print_requests` instead of sending.
        context_settings: Further settings of Typer's context.
    """
    common = {} if not output else _API_OPTIONS if api else _OUTPUT_OPTIONS
    common = {"print_as": _PRINT_OPTION, **common} if prints else common

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
                    f"{ctx.info_name} runs until stopped and does not support "
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
    """Raise TimeError for an invalid `--max-wait`, also if the command sends no request."""
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
