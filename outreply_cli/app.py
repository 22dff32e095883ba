"""The root of the command line, where every error becomes a message and an exit code."""

import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from outreply_cli.context import Context
from outreply_cli.env import pop_secrets
from outreply_cli.errors import ExitCode, InterruptedRunError, OutReplyError
from outreply_cli.ui.streams import OutputWriteError, SafeStderr, SafeStdout, configure_encoding


def main(args: Sequence[str], context: Context) -> int:
    """Run one command line and return its exit code; errors become messages here."""
    if list(args) in ([], ["--help"], ["-h"]):
        _show_root_help(context, requested=bool(args))
        code: int = ExitCode.SUCCESS
    else:
        try:
            code = _run(args, context)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
            # No message for people: the terminal shows ^C.
            if _wants_json(context, args):
                _print_error(context, InterruptedRunError("interrupted"), args)
    with suppress(OutputWriteError):
        context.stdout.flush()
    write_error = context.stdout.write_error if isinstance(context.stdout, SafeStdout) else None
    if write_error is not None and not write_error.is_reader_gone:
        _print_error(context, write_error, args)
        code = code or write_error.exit_code
    return code


def _show_root_help(context: Context, *, requested: bool) -> None:
    if not requested and not _is_signed_in(context):
        welcome = Path(__file__).parent / "templates" / "welcome.txt"
        context.output.print_text(welcome.read_text(encoding="utf-8"))
        return
    # Importing Typer would double the startup time.
    from outreply_cli.cli.help_page import help_page
    from outreply_cli.cli.tree import root_command

    context.output.print_text(help_page(root_command(), context.output))


def _is_signed_in(context: Context) -> bool:
    from outreply_cli.accounts.resolve import is_signed_in

    try:
        return is_signed_in(context.config_dir, context.environ)
    except OutReplyError:
        # No home directory, so nothing is stored.
        return False


def _run(args: Sequence[str], context: Context) -> int:
    from outreply_cli.cli.typer_adapter import (
        Abort,
        UsageError,
        is_missing_command,
        root_group,
        to_input_error,
    )

    try:
        code = root_group().main(
            args=list(args), prog_name="outreply", standalone_mode=False, obj=context
        )
        code = code if isinstance(code, int) else 0
    except OutputWriteError:
        # A streaming command ends when its reader is gone; `main` reports other causes.
        code = ExitCode.SUCCESS
    except OutReplyError as error:
        _print_error(context, error, args)
        code = error.exit_code
    except UsageError as error:
        if is_missing_command(error):
            context.output.print_text(str(error))
            code = ExitCode.SUCCESS
        else:
            _print_error(context, to_input_error(error), args)
            code = ExitCode.USAGE
    except Abort:
        raise KeyboardInterrupt from None
    except Exception as error:  # noqa: BLE001 - a bug must not print what was being handled
        from outreply_cli.ui.errors import format_traceback, internal_error

        if context.options.verbose:
            context.echo_err(format_traceback(error))
        _print_error(context, internal_error(error), args)
        code = ExitCode.ERROR
    else:
        if code == ExitCode.INTERRUPTED:
            # Typer's result of Ctrl-C.
            raise KeyboardInterrupt
    finally:
        context.close()
    return int(code)


def _print_error(context: Context, error: OutReplyError, args: Sequence[str]) -> None:
    from outreply_cli.ui.errors import format_error

    context.echo_err(format_error(error, as_json=_wants_json(context, args)))


def _wants_json(context: Context, args: Sequence[str]) -> bool:
    # If option parsing failed, the format is guessed from the raw arguments.
    return context.wants_json if context.is_configured else _requests_json(args)


def run() -> int:
    """Run the installed command with this process's arguments, streams and environment."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            configure_encoding(stream, os.environ)
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Text typed in another encoding must not end in a traceback.
        sys.stdin.reconfigure(errors="surrogateescape")
    # Typer writes to sys.stdout and sys.stderr itself. A stream that was closed is None.
    if sys.stdout is None or isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = SafeStdout(sys.stdout)
    if sys.stderr is None or isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = SafeStderr(sys.stderr, sys.stdout)
    return main(sys.argv[1:], Context(environ=pop_secrets(os.environ)))


def _requests_json(args: Sequence[str]) -> bool:
    for index, word in enumerate(args):
        if word == "--":
            return False
        if word in {"--json", "--output=json", "--output=jsonl"}:
            return True
        # Switches may share the dash: -qo json.
        short = re.fullmatch(r"-[qvyr]*o(jsonl?)?", word)
        if short is not None and short[1]:
            return True
        following = args[index + 1 : index + 2]
        if (short is not None or word == "--output") and {*following} & {"json", "jsonl"}:
            return True
    return False
