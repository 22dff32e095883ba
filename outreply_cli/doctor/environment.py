"""The environment's variables: what they override, and what can't be meant."""

import difflib
from collections.abc import Iterator

from outreply_cli.accounts.profiles import CONFIG_FILE, Profile, Profiles
from outreply_cli.accounts.resolve import resolve_profile
from outreply_cli.api.base_url import check_base_url
from outreply_cli.doctor.result import CheckResult, DoctorContext, failure, ok, warning
from outreply_cli.env import TOKEN_VARIABLES, WEBHOOK_SECRET_VARIABLE
from outreply_cli.errors import OutReplyError
from outreply_cli.spec.token import Token
from outreply_cli.times import parse_zone

_CHECK = "environment"
_OWN = "OUTREPLY_"
_KNOWN = (
    *TOKEN_VARIABLES,
    WEBHOOK_SECRET_VARIABLE,
    "OUTREPLY_BASE_URL",
    "OUTREPLY_PROFILE",
    "OUTREPLY_TIMEZONE",
    "OUTREPLY_CONFIG_DIR",
    "OUTREPLY_STATE_DIR",
    "OUTREPLY_EMULATOR_STATE",
)
# What serve-webhook gives the programs that it starts.
_GIVEN = ("OUTREPLY_EVENT", "OUTREPLY_DELIVERY", "OUTREPLY_SIGNATURE", "OUTREPLY_TIMESTAMP")


def check_environment(patient: DoctorContext) -> Iterator[CheckResult]:
    """A finding for each of our variables that is set, or one that none is."""
    given = {name: value for name, value in patient.environ.items() if value.strip()}
    profile = patient.profile
    findings = [
        *_tokens(given, profile, patient.flag),
        *_base_url(given, profile),
        *_profile(given, patient),
        *_timezone(given),
        *_others(given),
    ]
    yield from findings or [ok(_CHECK, "no variable of ours is set")]


def _tokens(
    given: dict[str, str], profile: Profile | None, flag: str | None
) -> Iterator[CheckResult]:
    named = [name for name in TOKEN_VARIABLES if name in given]
    if not named:
        return
    used = named[0]
    try:
        shown = f"{used} is set ({Token(given[used]).prefix}…)"
    except OutReplyError as problem:
        yield failure(_CHECK, f"{used}: {problem.message}", problem.hint or "Unset it.")
        return
    if len(named) > 1 and given[named[1]] != given[used]:
        yield warning(_CHECK, f"{shown} and wins over {named[1]}", f"Unset {named[1]}.")
    elif flag is None and profile is not None and profile.storage is not None:
        yield warning(
            _CHECK,
            f"{shown} and overrides the token of the profile {profile.name!r}",
            f"Unset it, or name the profile: --profile {profile.name}",
        )
    else:
        yield ok(_CHECK, shown)


def _base_url(given: dict[str, str], profile: Profile | None) -> Iterator[CheckResult]:
    name = "OUTREPLY_BASE_URL"
    if name not in given:
        return
    try:
        base_url = check_base_url(given[name])
    except OutReplyError as problem:
        yield failure(_CHECK, f"{name}: {problem.message}", problem.hint or "Unset it.")
        return
    if profile is not None and profile.base_url not in {None, base_url}:
        yield warning(
            _CHECK,
            f"{name} is {base_url} and overrides {profile.base_url} of {profile.name!r}",
            f"Unset it, or name the profile: --profile {profile.name}",
        )
    else:
        yield ok(_CHECK, f"{name} is {base_url}")


def _profile(given: dict[str, str], patient: DoctorContext) -> Iterator[CheckResult]:
    if "OUTREPLY_PROFILE" not in given:
        return
    try:
        resolve_profile(
            Profiles.load(patient.config_dir / CONFIG_FILE), patient.flag, patient.environ
        )
    except OutReplyError as problem:
        yield failure(_CHECK, problem.message, problem.hint or "Unset it.")
    else:
        yield ok(_CHECK, f"OUTREPLY_PROFILE is {given['OUTREPLY_PROFILE']}")


def _timezone(given: dict[str, str]) -> Iterator[CheckResult]:
    name = "OUTREPLY_TIMEZONE"
    if name not in given:
        return
    try:
        yield ok(_CHECK, f"{name} is {parse_zone(given[name]).key}")
    except OutReplyError as problem:
        yield failure(_CHECK, f"{name}: {problem.message}", problem.hint or "Unset it.")


def _others(given: dict[str, str]) -> Iterator[CheckResult]:
    for name in ("OUTREPLY_CONFIG_DIR", "OUTREPLY_STATE_DIR"):
        if name in given:
            yield ok(_CHECK, f"{name} is {given[name]}")
    for name in sorted(given):
        if name.startswith(_OWN) and name not in {*_KNOWN, *_GIVEN}:
            near = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.8)
            if near:
                yield warning(
                    _CHECK, f"{name} is set, and means nothing", f"Did you mean {near[0]}?"
                )
