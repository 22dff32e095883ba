"""The command tree, and the one place where an error becomes a message and an exit code."""

import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress

from outreply_cli import __version__
from outreply_cli.context import Session
from outreply_cli.env import take_secrets
from outreply_cli.errors import ExitCode, OutReplyError
from outreply_cli.ui.streams import (
    LostOutputError,
    NoteStream,
    ResultStream,
    settle_encoding,
)

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
    "help": ("help", "Explain a command or a topic."),
    "demo": ("demo", "See it work: a calendar scheduled on this machine."),
}


def main(args: Sequence[str], session: Session) -> int:
    """Run one command line and return its exit code; the only place that catches our errors."""
    if "--version" in args[:1]:
        session.stdout.write(f"outreply {__version__}\n")
        return ExitCode.DONE
    if list(args) in ([], ["--help"], ["-h"]):
        _greet(session, asked=bool(args))
        code: int = ExitCode.DONE
    else:
        code = _run(args, session)
    with suppress(LostOutputError):
        session.stdout.flush()
    lost = session.stdout.lost if isinstance(session.stdout, ResultStream) else None
    if lost is not None and not lost.is_reader_gone:
        _tell_failure(session, lost, args)
        code = code or lost.exit_code
    return code


def _greet(session: Session, *, asked: bool) -> None:
    from outreply_cli.cli.welcome import ROOT_HELP, WELCOME

    if not asked and not _is_signed_in(session):
        session.output.show_text(WELCOME)
        return
    # Most often asked for, and all of it is in the table: Typer would take twice the time.
    from outreply_cli.cli.help_page import help_page
    from outreply_cli.cli.tree import root_of

    purposes = {name: purpose for name, (_, purpose) in COMMANDS.items()}
    session.output.show_text(help_page(root_of(ROOT_HELP, purposes), session.output))


def _is_signed_in(session: Session) -> bool:
    from outreply_cli.accounts.resolve import is_signed_in

    try:
        return is_signed_in(session.config_dir, session.environ)
    except OutReplyError:
        # Nothing is kept where there is no home.
        return False


def _run(args: Sequence[str], session: Session) -> int:
    from outreply_cli.cli.lazy_group import Abort, root_group, usage_error
    from outreply_cli.cli.options import WrongUsage

    try:
        code = root_group(COMMANDS).main(
            args=list(args), prog_name="outreply", standalone_mode=False, obj=session
        )
        code = code if isinstance(code, int) else 0
    except LostOutputError:
        # What goes on for ever ends with its reader; `main` tells of it.
        code = ExitCode.DONE
    except OutReplyError as error:
        _tell_failure(session, error, args)
        code = error.exit_code
    except WrongUsage as wrong:
        if type(wrong).__name__ == "NoArgsIsHelpError":
            # A group alone is a question, not a mistake; the message is its help.
            session.output.show_text(str(wrong))
            code = ExitCode.DONE
        else:
            _tell_failure(session, usage_error(wrong), args)
            code = ExitCode.USAGE
    except (KeyboardInterrupt, Abort):
        code = ExitCode.INTERRUPTED
    except Exception as fault:  # noqa: BLE001 - a fault of ours must not show what was handled
        from outreply_cli.ui.errors import fault_error, trace_text

        if session.choices.verbose:
            session.tell(trace_text(fault))
        _tell_failure(session, fault_error(fault), args)
        code = ExitCode.REFUSED
    finally:
        session.close()
    return int(code)


def _tell_failure(session: Session, error: OutReplyError, args: Sequence[str]) -> None:
    from outreply_cli.ui.errors import failure_text

    # Where the options could not be read, the words tell what was probably meant.
    as_json = session.wants_json if session.is_configured else _asks_for_json(args)
    session.tell(failure_text(error, as_json=as_json))


def run() -> int:
    """The installed command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            settle_encoding(stream, os.environ)
    # Typer writes to these by itself. None is one that was closed before we began.
    if sys.stdout is None or isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = ResultStream(sys.stdout)
    if sys.stderr is None or isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = NoteStream(sys.stderr)
    return main(sys.argv[1:], Session(environ=take_secrets(os.environ)))


def _asks_for_json(args: Sequence[str]) -> bool:
    for place, word in enumerate(args):
        if word == "--":
            return False
        if word in {"--json", "--output=json", "--output=jsonl"}:
            return True
        # Switches may share the dash: -qo json.
        short = re.fullmatch(r"-[qvyr]*o(jsonl?)?", word)
        if short is not None and short[1]:
            return True
        following = args[place + 1 : place + 2]
        if (short is not None or word == "--output") and {*following} & {"json", "jsonl"}:
            return True
    return False
