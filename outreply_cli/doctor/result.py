"""The result of a check."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

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

    status: CheckStatus
    check: str
    detail: str
    hint: str | None = None


class ChecksFailedError(OutReplyError):
    """At least one check failed."""

    code = "CHECKS_FAILED"


# Results of a check: no problem, something to look at, something broken, not possible.
ok = partial(CheckResult, CheckStatus.OK)
warning = partial(CheckResult, CheckStatus.WARNING)
failure = partial(CheckResult, CheckStatus.FAILURE)
skipped = partial(CheckResult, CheckStatus.SKIPPED)
