"""The result of a check."""

from dataclasses import dataclass
from enum import StrEnum

from outreply_cli.errors import OutReplyError


class CheckStatus(StrEnum):
    """Status of a check; a check is skipped when another failure makes it impossible."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckResult:
    """Result of one check: what it found, and what to do about it, if anything."""

    check: str
    status: CheckStatus
    detail: str
    hint: str | None = None


class ChecksFailedError(OutReplyError):
    """At least one check failed."""

    code = "CHECKS_FAILED"


def ok(check: str, detail: str) -> CheckResult:
    """Return the result of a check that found no problem."""
    return CheckResult(check, CheckStatus.OK, detail)


def warning(check: str, detail: str, hint: str) -> CheckResult:
    """Return the result of a check that found something to look at."""
    return CheckResult(check, CheckStatus.WARNING, detail, hint)


def failure(check: str, detail: str, hint: str) -> CheckResult:
    """Return the result of a check that found something broken."""
    return CheckResult(check, CheckStatus.FAILURE, detail, hint)


def skipped(check: str, detail: str) -> CheckResult:
    """Return the result of a check that was impossible."""
    return CheckResult(check, CheckStatus.SKIPPED, detail)
