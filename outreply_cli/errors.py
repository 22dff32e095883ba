"""The exit codes and the errors behind them.

OutReplyError
├── InvalidInputError            2  found before anything was sent (5 for an unknown name)
│   ├── TimeError                   an invalid or ambiguous time
│   └── CalendarError               all problems of a calendar file
├── PartialFailureError          3  a batch finished and some items failed
├── NotSignedInError             4  no usable token
├── StorageError                 1  an unusable file, database or port
├── InterruptedRunError        130  Ctrl-C
└── api.errors.ApiError, NetworkError and InvalidResponseError
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, ClassVar, Self


class ExitCode(IntEnum):
    """Exit codes of every command.

    Attributes:
        SUCCESS: The command did what was requested.
        ERROR: The API rejected the request, or an unexpected error occurred.
        USAGE: Wrong usage or invalid input; nothing was sent.
        PARTIAL: A batch finished and some items failed.
        AUTH: The user is not signed in, or the token does not allow the request.
        NOT_FOUND: The API or this machine does not have the named thing.
        LIMIT_EXCEEDED: A rate limit, quota, guardrail or storage limit is reached.
        NETWORK: The network or the server failed after retries.
        TIMEOUT: A wait timed out.
        INTERRUPTED: Ctrl-C.
    """

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
    """Base class of the errors that stop a command.

    Args:
        message: The failure and its cause.
        hint: The next step, such as a command.
        details: JSON-ready facts for scripts.
        maybe_applied: Whether a write may have been carried out despite the error.
    """

    code: str = "ERROR"
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        details: Mapping[str, Any] | None = None,
        maybe_applied: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})
        self.maybe_applied = maybe_applied

    @property
    def text(self) -> str:
        """The message, and the hint if there is one, as sentences."""
        return f"{self.message}. {self.hint}" if self.hint else f"{self.message}."

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other attributes, such as `message` or `hint`, to raise instead."""
        copy = type(self).__new__(type(self), changes.get("message", self.message))
        copy.__dict__.update(self.__dict__, **changes)
        return copy


class InvalidInputError(OutReplyError):
    """Wrong usage or invalid input; nothing was sent."""

    code = "INVALID_INPUT"
    exit_code = ExitCode.USAGE


class TimeError(InvalidInputError):
    """An invalid or ambiguous time."""

    code = "INVALID_TIME"


class CalendarError(InvalidInputError):
    """All problems of a calendar.

    Args:
        message: Number and location of the problems.
        problems: Problems with their `text`: `FILE:LINE: field: problem; fix`.
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


class NotSignedInError(OutReplyError):
    """No usable token."""

    code = "NOT_SIGNED_IN"
    exit_code = ExitCode.AUTH


class StorageError(OutReplyError):
    """A file, database or port of this program is unusable."""

    code = "STORAGE"


class InterruptedRunError(OutReplyError):
    """The user interrupted the run: what was not sent is left for the next run."""

    code = "INTERRUPTED"
    exit_code = ExitCode.INTERRUPTED


def malformed_value_error(
    option: str, value: str, form: str, *, hint: str | None = None
) -> InvalidInputError:
    """Return the error for a value that does not have the form of its option, such as KEY=VALUE."""
    return InvalidInputError(f"{option}: {value!r} is not {form}", hint=hint)


def unknown_choice_error(
    kind: str, value: str, choices: Iterable[str], *, option: str | None = None
) -> InvalidInputError:
    """Return the error for a value that is not one of `choices`; an argument has no `option`."""
    start = f"{option}: " if option is not None else ""
    return InvalidInputError(
        f"{start}unknown {kind} {value!r}", hint=f"Use one of: {', '.join(choices)}"
    )


def install_hint(extra: str) -> str:
    """Return the commands that install outreply with an extra."""
    name = f"'outreply-cli[{extra}]'"
    return f"Run: uv tool install {name}, or: pip install {name}"


def raise_for_failures(failures: Sequence[tuple[str, OutReplyError]], requested: int) -> None:
    """Raise the error for a single requested item, or PartialFailureError for several."""
    if not failures:
        return
    if requested == 1:
        raise failures[0][1]
    raise PartialFailureError(
        f"{len(failures)} of {requested} failed: "
        + "; ".join(f"{name}: {error.message}" for name, error in failures),
        hint=next((error.hint for _, error in failures if error.hint), None),
        details={"failed": [{"id": name, "code": error.code} for name, error in failures]},
    )
