"""What one check found."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from outreply_cli.accounts.profiles import CONFIG_FILE, Profile, Profiles
from outreply_cli.accounts.resolve import chosen_profile
from outreply_cli.errors import OutReplyError


class Standing(StrEnum):
    """How bad it is; `skipped` is what could not be looked at because of another failure."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What was looked at.
        standing: How bad it is.
        found: What is there.
        advice: What to do; None where there is nothing to do.
    """

    check: str
    standing: Standing
    found: str
    advice: str | None = None

    def without(self, secrets: list[str]) -> "Finding":
        """The same with none of `secrets` in it, whoever quoted them."""
        found, advice = self.found, self.advice
        for secret in secrets:
            found = found.replace(secret, "(hidden)")
            advice = advice.replace(secret, "(hidden)") if advice else advice
        return replace(self, found=found, advice=advice)


@dataclass(frozen=True)
class Patient:
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
            return chosen_profile(profiles, self.flag, self.environ)
        except OutReplyError:
            return None


class UnhealthyError(OutReplyError):
    """At least one check failed."""

    code = "UNHEALTHY"


def ok(check: str, found: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, Standing.OK, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """It works, and may not do what is wanted."""
    return Finding(check, Standing.WARNING, found, advice)


def failure(check: str, found: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check, Standing.FAILURE, found, advice)


def skipped(check: str, found: str) -> Finding:
    """It could not be looked at."""
    return Finding(check, Standing.SKIPPED, found)
