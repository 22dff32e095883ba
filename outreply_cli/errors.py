"""Every failure that a user or a server can cause, and the exit code each one ends in.

OutReplyError
├── InvalidInputError            2  found before anything was sent
│   ├── TimeError                   a time that can't be read as one instant
│   └── CalendarError               every problem of a calendar file at once
├── PartialFailureError          3  a batch finished and some items failed
├── NotSignedInError             4  no token, or none that can be used
├── StorageError                 1  config, journal or credential store can't be used
├── InterruptedRunError        130  Ctrl-C
└── api.errors.ApiError and its kin (see that module)
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """What a script may rely on."""

    SUCCESS = 0
    ERROR = 1
    USAGE = 2
    PARTIAL = 3
    AUTH = 4
    NOT_FOUND = 5
    LIMIT_EXCEEDED = 6
    NETWORK = 7
    TIMEOUT = 124
    INTERRUPTED = 130


class OutReplyError(Exception):
    """A failure with a name: what failed, why, and what to do now.

    Args:
        message: What failed and why, for a person.
        hint: What to do now; may name the next command.
        details: Facts for scripts, JSON-ready.

    `outcome_unknown` says that a write may have been carried out all the same.
    """

    code: str = "ERROR"
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR
    maybe_applied: bool = False

    def __init__(
        self, message: str, *, hint: str | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})


class InvalidInputError(OutReplyError):
    """Wrong usage or input that can't be right; nothing was sent."""

    code = "INVALID_INPUT"
    exit_code = ExitCode.USAGE


class TimeError(InvalidInputError):
    """A time that can't be read as exactly one instant."""

    code = "INVALID_TIME"


class CalendarError(InvalidInputError):
    """Every problem of a calendar at once.

    Args:
        message: How many problems there are and where.
        problems: One line each, `FILE:LINE: field: what, and what to do`.
    """

    code = "INVALID_CALENDAR"

    def __init__(self, message: str, *, problems: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(
            message,
            hint="Correct the file and run the command again.",
            details={"problems": list(problems)},
        )
        self.problems = problems


class PartialFailureError(OutReplyError):
    """A batch finished and some of its items failed."""

    code = "PARTIAL_FAILURE"
    exit_code = ExitCode.PARTIAL


class NotLoggedInError(OutReplyError):
    """There is no token to use, or none that may be used here."""

    code = "NOT_SIGNED_IN"
    exit_code = ExitCode.AUTH


class StorageError(OutReplyError):
    """A file of ours (config, journal, credentials) can't be used as it is."""

    code = "STORAGE"


class InterruptedRunError(OutReplyError):
    """Ctrl-C: what was in flight is finished, the rest is left for the next run."""

    code = "INTERRUPTED"
    exit_code = ExitCode.INTERRUPTED


def raise_for_failures(failures: Sequence[tuple[str, OutReplyError]], asked: int) -> None:
    """Raise what stopped the only one of `asked` items, or PartialFailureError for several."""
    if not failures:
        return
    if asked == 1:
        raise failures[0][1]
    raise PartialFailureError(
        f"{len(failures)} of {asked} failed: "
        + "; ".join(f"{name}: {error.message}" for name, error in failures),
        hint=next((error.hint for _, error in failures if error.hint), None),
        details={"failed": [{"id": name, "code": error.code} for name, error in failures]},
    )
