"""The command tree, and the one place where an error becomes a message and an exit code."""

import difflib
import importlib
import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from outreply_cli import __version__
from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.terminal.failures import failure_text, fault_text, flush
from outreply_cli.terminal.session import Session

# name -> (module, help line); the module is imported when the name is typed, not before.
COMMANDS = {
    "auth": ("auth", "Sign in and out, and switch between accounts."),
    "brands": ("brands", "The brands you can reach."),
    "pages": ("pages", "The social pages of your brands."),
    "posts": ("posts", "Schedule, publish, list and cancel posts."),
    "comments": ("comments", "Read and answer what people write under your posts."),
    "media": ("media", "Upload, list and delete pictures and videos."),
    "bulk": ("bulk", "Schedule a whole calendar file, exactly once."),
    "webhooks": ("webhooks", "Verify, send, replay and subscribe to webhooks."),
    "serve-webhook": ("serve_webhook", "Receive webhooks here, and pass them on."),
    "quota": ("quota", "What is left of your limits."),
    "emulator": ("emulator", "The whole API on this machine, without an account."),
    "api": ("api", "Call any endpoint, signed in and retried."),
    "errors": ("errors", "Explain an error code."),
    "doctor": ("doctor", "Check this machine, the account and the way between."),
    "completion": ("completion", "Complete words and values in your shell."),
    "demo": ("demo", "See it work: a calendar scheduled on this machine."),
}

# The kind of error that a wrong option raises; typer exports only a child of it.
_WrongUsage: type[Exception] = typer.BadParameter.__mro__[2]


class LazyGroup(TyperGroup):
    """The root: lists every command from the table, imports only the one that is typed."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """Every name, in the table's order."""
        return list(COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """The command called `cmd_name`; a stub of it while help or completion is written."""
        if cmd_name not in COMMANDS:
            return None
        module, help_line = COMMANDS[cmd_name]
        if self._is_listing:
            stub = typer.Typer(name=cmd_name, help=help_line, add_completion=False)
            stub.callback()(lambda: None)
            return typer.main.get_command(stub)
        loaded = importlib.import_module(f"outreply_cli.commands.{module}")
        found = typer.main.get_command(loaded.app)
        found.name = cmd_name
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the root's help, importing no command."""
        self._is_listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._is_listing = False

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete a command's name, importing none."""
        self._is_listing = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._is_listing = False

    _is_listing = False


app = typer.Typer(
    name="outreply",
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Run an OutReply account: schedule, publish, answer, watch.

    Try it without an account: outreply demo
    """


def main(args: Sequence[str], session: Session) -> int:
    """Run one command line and return its exit code; the only place that catches our errors."""
    if "--version" in args[:1]:
        session.stdout.write(f"outreply {__version__}\n")
        return ExitCode.DONE
    as_json = _asks_for_json(args)
    try:
        code = typer.main.get_command(app).main(
            args=list(args), prog_name="outreply", standalone_mode=False, obj=session
        )
        code = code if isinstance(code, int) else 0
    except OutReplyError as error:
        session.tell(failure_text(error, as_json=as_json))
        code = error.exit_code
    except _WrongUsage as wrong:
        if type(wrong).__name__ == "NoArgsIsHelpError":
            # Its help has been shown by then: a group alone is a question, not a mistake.
            code = ExitCode.DONE
        else:
            session.tell(failure_text(_usage_error(wrong), as_json=as_json))
            code = ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        code = ExitCode.DONE
    except SystemExit as leaving:
        # Typer ends so when the reader of a pipe has gone.
        code = leaving.code if isinstance(leaving.code, int) else ExitCode.REFUSED
    except Exception as fault:  # noqa: BLE001 - a fault of ours must not show what was handled
        session.tell(fault_text(fault, with_traceback=session.choices.verbose))
        code = ExitCode.REFUSED
    finally:
        session.close()
    problem = flush(session.stdout)
    if problem is not None:
        session.tell(f"Error: the output can't be written: {problem}\n")
        code = code or ExitCode.REFUSED
    return int(code)


def run() -> int:
    """The installed command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Characters that the terminal's encoding lacks are shown as escapes.
            stream.reconfigure(errors="backslashreplace")
    return main(sys.argv[1:], Session())


def _asks_for_json(args: Sequence[str]) -> bool:
    for place, word in enumerate(args):
        if word == "--":
            return False
        if word in {"--json", "-ojson", "-ojsonl", "--output=json", "--output=jsonl"}:
            return True
        if word in {"-o", "--output"} and args[place + 1 : place + 2] in (["json"], ["jsonl"]):
            return True
    return False


def _usage_error(wrong: Any) -> InvalidInputError:
    context = getattr(wrong, "ctx", None)
    path = context.command_path if context is not None else "outreply"
    message = wrong.format_message()
    typed = message.removeprefix("No such command '").removesuffix("'.")
    near = difflib.get_close_matches(typed, COMMANDS, n=1) if typed != message else []
    if near and path == "outreply":
        message = f"{message} Did you mean '{near[0]}'?"
    error = InvalidInputError(message, hint=f"See: {path} --help")
    error.code = "USAGE"
    return error
