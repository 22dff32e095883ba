"""The command tree, and the one place where an error becomes a message and an exit code."""

import importlib
import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from outreply_cli import __version__
from outreply_cli.accounts.choice import is_signed_in
from outreply_cli.commands.options import HelpfulGroup
from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.terminal.failures import failure_text, fault_text, flush
from outreply_cli.terminal.session import Session
from outreply_cli.terminal.welcome import WELCOME

# name -> (module, help line); the module is imported when the name is typed, not before.
COMMANDS = {
    "auth": ("auth", "Sign in and out, and switch between accounts."),
    "brands": ("brands", "The brands you can reach."),
    "pages": ("pages", "The social pages of your brands."),
    "posts": ("posts", "Schedule, publish, list and cancel posts."),
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
    "help": ("help", "Explain a command or a topic."),
    "demo": ("demo", "See it work: a calendar scheduled on this machine."),
}

_OF_COMMANDS = {
    "-p", "--profile", "-o", "--output", "--json", "--fields", "-q", "--quiet", "-v", "--verbose",
    "--no-color", "--plain", "--max-wait",
}  # fmt: skip

# The kind of error that a wrong option raises; typer exports only a child of it.
_WrongUsage: type[Exception] = typer.BadParameter.__mro__[2]


class LazyGroup(HelpfulGroup):
    """The root: lists every command from the table, imports only the one that is typed."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's own signature
        """Every name, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as above
        """The command called `cmd_name`, whose module is imported for it."""
        if cmd_name not in COMMANDS:
            return None
        loaded = importlib.import_module(f"outreply_cli.commands.{COMMANDS[cmd_name][0]}")
        found = typer.main.get_command(loaded.app)
        found.name = cmd_name
        return found

    def purpose_of(self, ctx: Any, name: str) -> str:  # noqa: ARG002 - as above
        """One line about a command, from the table: help imports none of them."""
        return COMMANDS[name][1]


app = typer.Typer(
    name="outreply",
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
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
    if not args and not is_signed_in(session.config_dir, session.environ):
        session.output.show_text(WELCOME)
        return ExitCode.DONE
    code = _run(args, session)
    problem = flush(session.stdout)
    if problem is not None:
        session.tell(f"Error: the output can't be written: {problem}\n")
        code = code or ExitCode.REFUSED
    return code


def _run(args: Sequence[str], session: Session) -> int:
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
            # A group alone is a question, not a mistake; the message is its help.
            session.output.show_text(str(wrong))
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
    message, hint = wrong.format_message(), f"See: {path} --help"
    typed = getattr(wrong, "option_name", None)
    if typed is not None and message.startswith("No such option"):
        message = f"there is no option {typed} in {path}"
        hint = _hint_on_option(context, typed, path) or hint
    error = InvalidInputError(message, hint=hint)
    error.code = "USAGE"
    return error


def _hint_on_option(context: Any, typed: str, path: str) -> str | None:
    if hasattr(context.command, "list_commands") and typed in _OF_COMMANDS:
        return f"Options follow the command's words: {path} COMMAND {typed}"
    if not typed.startswith("--"):
        return None
    import difflib

    known = [flag for each in context.command.params for flag in each.opts]
    near = difflib.get_close_matches(typed, [*known, "--help"], n=1)
    return f"Did you mean: {near[0]}" if near else None
