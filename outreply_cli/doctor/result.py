"""What one check found."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from outreply_cli.accounts.profiles import CONFIG_FILE, Profile, Profiles
from outreply_cli.accounts.resolve import resolve_profile
from outreply_cli.errors import OutReplyError


class CheckStatus(StrEnum):
    """How bad it is; `skipped` is what could not be looked at because of another failure."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckResult:
    """One thing that was looked at.

    Attributes:
        check: What was looked at.
        status: How bad it is.
        detail: What is there.
        hint: What to do; None where there is nothing to do.
    """

    check: str
    status: CheckStatus
    detail: str
    hint: str | None = None

    def without(self, secrets: list[str]) -> "CheckResult":
        """The same with none of `secrets` in it, whoever quoted them."""
        found, advice = self.detail, self.hint
        for secret in secrets:
            found = found.replace(secret, "(hidden)")
            advice = advice.replace(secret, "(hidden)") if advice else advice
        return replace(self, detail=found, hint=advice)


@dataclass(frozen=True)
class DoctorContext:
    """What is looked at.

    Attributes:
        environ: The environment's variables.
        flag: What `--profile` said.
    """

    environ: Mapping[str, str]
    config_dir: Path
    state_dir: Path
    flag: str | None = None

    @property
    def profile(self) -> Profile | None:
        """The profile that a command would act for; None where none can be told."""
        try:
            profiles = Profiles.load(self.config_dir / CONFIG_FILE)
            return resolve_profile(profiles, self.flag, self.environ)
        except OutReplyError:
            return None


class ChecksFailedError(OutReplyError):
    """At least one check failed."""

    code = "UNHEALTHY"


def ok(check: str, found: str) -> CheckResult:
    """Nothing is wrong."""
    return CheckResult(check, CheckStatus.OK, found)


def warning(check: str, found: str, advice: str) -> CheckResult:
    """It works, and may not do what is wanted."""
    return CheckResult(check, CheckStatus.WARNING, found, advice)


def failure(check: str, found: str, advice: str) -> CheckResult:
    """It does not work."""
    return CheckResult(check, CheckStatus.FAILURE, found, advice)


def skipped(check: str, found: str) -> CheckResult:
    """It could not be looked at."""
    return CheckResult(check, CheckStatus.SKIPPED, found)
