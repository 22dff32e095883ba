"""Commands given by the user, run without a shell and without secrets in their environment."""

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

# Limit of the system's wait: 24 days.
_MAX_WAIT_SECONDS = 2**31 / 1000 - 1


def split_command(
    command: str, option: str, *, is_windows: bool = sys.platform == "win32"
) -> list[str]:
    """Split a command line as a shell does.

    Args:
        command: Command line.
        option: Option or variable with the command, for errors.
        is_windows: Whether a backslash separates paths instead of escaping.

    Raises:
        InvalidInputError: The command is empty or badly quoted.
    """
    splitter = shlex.shlex(command, posix=True, punctuation_chars=False)
    splitter.whitespace_split, splitter.commenters = True, ""
    if is_windows:
        splitter.escape = ""
    try:
        words = list(splitter)
    except ValueError as error:
        hint = "Quote the command as for a shell."
        raise InvalidInputError(f"{option}: {error}", hint=hint) from None
    if not words:
        raise InvalidInputError(f"{option}: the command is empty", hint="Name a program.")
    return words


def resolve_command(command: str, option: str, environ: Mapping[str, str]) -> list[str]:
    """Split a command line and check that its program exists.

    Args:
        command: Command line.
        option: Option or variable with the command, for errors.
        environ: Environment of the command; the program is looked up in its PATH.

    Raises:
        InvalidInputError: The command is empty, badly quoted, or its program not found.
    """
    words = split_command(command, option)
    if shutil.which(words[0], path=environ.get("PATH", os.defpath)) is None:
        raise InvalidInputError(
            f"{option}: command not found: {words[0]!r}",
            hint="Name a program; for shell syntax use: sh -c '...'",
        )
    return words


def strip_secrets(environ: Mapping[str, str], hidden: Collection[str] = ()) -> dict[str, str]:
    """Return `environ` without the variables of secrets and without `hidden`."""
    secrets = SECRET_VARIABLES | set(hidden)
    return {name: value for name, value in environ.items() if name not in secrets}


def run_command(
    words: Sequence[str], environ: Mapping[str, str], stdin: bytes, *, timeout: float
) -> tuple[bool, str | None]:
    """Run a command; return whether it was started, and its error, if any.

    Args:
        words: The command.
        environ: Complete environment of the command.
        stdin: Input of the command.
        timeout: Seconds until the command and its children are killed.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - a command of the user
            list(words), stdin=subprocess.PIPE, env=dict(environ), start_new_session=True
        )
    except (OSError, ValueError) as error:
        return False, f"cannot run the command: {getattr(error, 'strerror', None) or error}"
    try:
        process.communicate(stdin, timeout=min(timeout, _MAX_WAIT_SECONDS))
    except subprocess.TimeoutExpired:
        _kill(process)
        return True, f"killed after {timeout:g} s"
    return True, f"exit code {process.returncode}" if process.returncode else None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    # The whole process group: children may hold the pipes.
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
