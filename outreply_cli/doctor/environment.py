"""Checks of the OUTREPLY_* environment variables."""

import difflib
from collections.abc import Iterator, Mapping

from outreply_cli.accounts.profiles import CONFIG_FILE, Profiles
from outreply_cli.api.base_url import check_base_url
from outreply_cli.doctor.context import DoctorContext
from outreply_cli.doctor.result import CheckResult, failure, ok, warning
from outreply_cli.env import (
    PROFILE_VARIABLE,
    STORE_URL_VARIABLE,
    TOKEN_VARIABLES,
    UTF8_HINT,
    WEBHOOK_SECRET_VARIABLE,
)
from outreply_cli.errors import OutReplyError
from outreply_cli.spec.text import is_unicode
from outreply_cli.spec.token import Token
from outreply_cli.times import parse_zone

_CHECK = "environment"
# Set for the programs that `--exec` and `emulator exec` run.
_EXEC_VARIABLES = frozenset(
    {"OUTREPLY_EVENT", "OUTREPLY_DELIVERY", "OUTREPLY_SIGNATURE", "OUTREPLY_TIMESTAMP",
     "OUTREPLY_COMMENT", "OUTREPLY_EMULATOR_STATE"}
)  # fmt: skip


def check_environment(context: DoctorContext) -> Iterator[CheckResult]:
    """Check each OUTREPLY_* variable that is set."""
    environ = {name: value for name, value in context.environ.items() if value.strip()}
    token_variables = [name for name in TOKEN_VARIABLES if name in environ]
    results = []
    for name in (*token_variables[:1], *_CHECKS):
        if name in environ:
            check = _CHECKS.get(name, _token)
            try:
                results.append(check(name, environ[name], context))
            except OutReplyError as error:
                hint = error.hint or f"Unset {name}."
                results.append(failure(_CHECK, f"{name}: {error.message}", hint))
    results += _unknown_variables(environ)
    yield from results or [ok(_CHECK, "no OUTREPLY_* variables set")]


def _token(name: str, value: str, context: DoctorContext) -> CheckResult:
    detail = f"{name} is set ({Token(value).prefix}…)"
    profile = context.profile
    for other in TOKEN_VARIABLES:
        if (context.environ.get(other) or value).strip() not in {"", value.strip()}:
            return warning(_CHECK, f"{detail} and overrides {other}", f"Unset {other}.")
    if context.profile_option is None and profile is not None and profile.storage is not None:
        return warning(
            _CHECK,
            f"{detail} and overrides the token of the profile {profile.name!r}",
            f"Unset {name}, or use the profile: --profile {profile.name}",
        )
    return ok(_CHECK, detail)


def _base_url(name: str, value: str, context: DoctorContext) -> CheckResult:
    base_url = check_base_url(value)
    profile = context.profile
    if profile is not None and profile.base_url not in {None, base_url}:
        return warning(
            _CHECK,
            f"{name} is {base_url} and overrides {profile.base_url} of {profile.name!r}",
            f"Unset {name}, or use the profile: --profile {profile.name}",
        )
    return ok(_CHECK, f"{name} is {base_url}")


def _profile(name: str, value: str, context: DoctorContext) -> CheckResult:
    if context.profile_option is not None:
        return ok(_CHECK, f"{name} is {value}; --profile overrides it")
    Profiles.load(context.config_dir / CONFIG_FILE).get(value)
    return ok(_CHECK, f"{name} is {value}")


def _show_value(name: str, value: str, _: DoctorContext) -> CheckResult:
    return ok(_CHECK, f"{name} is {value}")


def _secret(name: str, value: str, _: DoctorContext) -> CheckResult:
    if not is_unicode(value):
        return failure(_CHECK, f"{name} is not valid UTF-8", UTF8_HINT)
    return ok(_CHECK, f"{name} is set")


_CHECKS = {
    "OUTREPLY_BASE_URL": _base_url,
    PROFILE_VARIABLE: _profile,
    "OUTREPLY_TIMEZONE": lambda name, value, context: _show_value(
        name, parse_zone(value).key, context
    ),
    "OUTREPLY_CONFIG_DIR": _show_value,
    "OUTREPLY_STATE_DIR": _show_value,
    STORE_URL_VARIABLE: _secret,
    WEBHOOK_SECRET_VARIABLE: _secret,
}
_SETTINGS = (*TOKEN_VARIABLES, *_CHECKS)
KNOWN_VARIABLES = frozenset({*_SETTINGS, *_EXEC_VARIABLES})


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[CheckResult]:
    for name in sorted(environ):
        if name.startswith("OUTREPLY_") and name not in KNOWN_VARIABLES:
            similar = difflib.get_close_matches(name, _SETTINGS, n=1, cutoff=0.8)
            if similar:
                yield warning(_CHECK, f"{name} is set but unknown", f"Did you mean {similar[0]}?")
