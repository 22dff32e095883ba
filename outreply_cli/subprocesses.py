"""Commands of the user's own, run without a shell and without our secrets in their environment."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence

from outreply_cli.env import SECRET_VARIABLES
from outreply_cli.errors import InvalidInputError

# The longest that the system's own wait takes: 24 days.
_LONGEST_WAIT_SECONDS = 2**31 / 1000 - 1


def split_command(
    line: str, option: str, *, is_windows: bool = sys.platform == "win32"
) -> list[str]:
    """The words of a command line, split as a shell splits them.

    Args:
        line: The command.
        option: What gave it, for the error.
        is_windows: Whether a backslash is what paths are made of, and quotes nothing.

    Raises:
        InvalidInputError: There are none in it, or they are not quoted soundly.
    """
    splitter = shlex.shlex(line, posix=True, punctuation_chars=False)
    splitter.whitespace_split, splitter.commenters = True, ""
    if is_windows:
        splitter.escape = ""
    try:
        words = list(splitter)
    except ValueError as problem:
        hint = "Quote it as a shell wants it."
        raise InvalidInputError(f"{option}: {problem}", hint=hint) from None
    if not words:
        raise InvalidInputError(f"{option}: there is no command in it", hint="Name a program.")
    return words


def resolve_command(line: str, option: str, environ: Mapping[str, str]) -> list[str]:
    """The words of a command line whose first is a command that can be run.

    Args:
        line: What was typed.
        option: Where.
        environ: What it will run with; its PATH is where the command is looked for.

    Raises:
        InvalidInputError: There are no words, they are not quoted soundly, or it can't be run.
    """
    words = split_command(line, option)
    if shutil.which(words[0], path=environ.get("PATH", os.defpath)) is None:
        raise InvalidInputError(
            f"{option}: {words[0]!r} is no command that can be run",
            hint="It is run without a shell: name a program, or write: sh -c '...'",
        )
    return words


def strip_secrets(environ: Mapping[str, str], hidden: Collection[str] = ()) -> dict[str, str]:
    """`environ` without the variables that hold secrets of ours, and without those in `hidden`."""
    secrets = SECRET_VARIABLES | set(hidden)
    return {name: value for name, value in environ.items() if name not in secrets}


def run_command(
    words: Sequence[str], environ: Mapping[str, str], stdin: bytes, *, seconds: float
) -> tuple[bool, str | None]:
    """Run a command; returns whether it could be started, and what went wrong, if anything.

    Args:
        words: The command.
        environ: All of its environment.
        stdin: What it gets to read.
        seconds: How long it may run; then it is ended with all that it started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own words
            list(words), stdin=subprocess.PIPE, env=dict(environ), start_new_session=True
        )
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or str(failure)
        return False, f"it can't be run: {reason}"
    try:
        process.communicate(stdin, timeout=min(seconds, _LONGEST_WAIT_SECONDS))
    except subprocess.TimeoutExpired:
        _end(process)
        return True, f"ended after {seconds:g} s"
    return True, f"exit code {process.returncode}" if process.returncode else None


def _end(process: "subprocess.Popen[bytes]") -> None:
    # The command may have children that hold its pipes: its whole group is ended.
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
