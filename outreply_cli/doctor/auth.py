"""Checks of the keyring, the token and its scopes."""

from collections.abc import Iterator
from datetime import timedelta

from outreply_cli.accounts.keyring import KeyringError
from outreply_cli.accounts.resolve import Account
from outreply_cli.api.errors import ApiError, AuthenticationError
from outreply_cli.api.types import TokenInfo
from outreply_cli.doctor.context import DoctorContext
from outreply_cli.doctor.result import CheckResult, failure, ok, skipped, warning
from outreply_cli.env import TOKEN_VARIABLES
from outreply_cli.errors import NotSignedInError, OutReplyError
from outreply_cli.spec.limits import EVERY_SCOPE, SCOPES
from outreply_cli.spec.scopes import missing_scopes
from outreply_cli.times import format_duration
from outreply_cli.timestamps import timestamp_or_none

_EXPIRES_SOON = timedelta(days=14)


def check_keyring(context: DoctorContext) -> Iterator[CheckResult]:
    """Check that the keyring works, if the active profile needs it."""
    probe, profile = context.keyring, context.profile
    if probe.error is None:
        yield ok("keyring", f"{probe.backend} responded in {probe.latency_ms:.0f} ms")
        return
    message, hint = probe.error.message, probe.error.hint or "Unlock the keyring."
    uses_variable = context.profile_option is None and any(
        map(context.environ.get, TOKEN_VARIABLES)
    )
    storage = profile.storage if profile is not None else None
    if uses_variable or storage == "file":
        yield ok("keyring", f"not used ({message})")
    elif storage == "keyring":
        yield failure("keyring", message, hint)
    else:
        yield warning("keyring", message, hint)


def check_token(context: DoctorContext) -> Iterator[CheckResult]:
    """Check the token and its scopes."""
    scopes = skipped("scopes", "requires a working token")
    account = context.account
    if isinstance(account, KeyringError):
        yield skipped("token", "stored in the keyring, which is unavailable")
    elif isinstance(account, OutReplyError):
        result = warning if isinstance(account, NotSignedInError) else failure
        yield result("token", account.message, account.hint or "Run: outreply auth login")
    else:
        response = _request_me(context, account)
        if isinstance(response, CheckResult):
            yield response
        else:
            yield _token(context, account, response)
            key = response.get("api_key") or {}
            scopes = _scopes([str(scope) for scope in key.get("scopes") or []])
    yield scopes


def _request_me(context: DoctorContext, account: Account) -> CheckResult | TokenInfo:
    """Return what the API says about the token, or the result of a token that was not checked."""
    token, source = account.credential.token, account.credential.location
    if token.known_prefix is None:
        return warning(
            "token",
            f"token with an unknown prefix from {source}; not sent",
            "Copy the token again from the dashboard; tokens start with outreply_live_.",
        )
    name = f"{token.prefix}… from {source}"
    if context.api.error is not None:
        return skipped("token", f"{name}; the API is unavailable")
    try:
        return context.open_client(token, account.sign_in_hint()).me()
    except ApiError as error:
        is_refused = isinstance(error, AuthenticationError)
        default = (
            f"Copy the token again, then {account.sign_in_hint()}"
            if is_refused
            else "Try again later."
        )
        detail = f"{name}: {error.message} ({error.code})"
        return failure("token", detail, error.hint or default)
    except OutReplyError as error:
        return skipped("token", f"{name}; {error.message}")


def _token(context: DoctorContext, account: Account, response: TokenInfo) -> CheckResult:
    credential, key, now = account.credential, response.get("api_key") or {}, context.clock.now()
    name = f"{credential.token.prefix}… from {credential.location}"
    email = (response.get("authenticated_as") or {}).get("email") or "unknown user"
    detail = f"{name}: {email}" + (f", token {key['name']!r}" if key.get("name") else "")
    if credential.token.is_sandbox:
        return warning(
            "token",
            f"{detail}, a sandbox token",
            "Sandbox tokens are read-only and limited to 100 requests. Create a live token in the "
            "dashboard.",
        )
    expires_at = timestamp_or_none(key.get("expires_at"))
    if expires_at is None:
        return ok("token", f"{detail}, does not expire")
    detail = f"{detail}, expires in {format_duration(expires_at - now)}"
    if expires_at - now < _EXPIRES_SOON:
        hint = f"Create a new token in the dashboard, then {account.sign_in_hint()}"
        return warning("token", detail, hint)
    return ok("token", detail)


def _scopes(granted: list[str]) -> CheckResult:
    if EVERY_SCOPE in granted:
        return ok("scopes", "all (*); a token with only the scopes you need is safer")
    missing = missing_scopes(granted)
    if not missing:
        return ok("scopes", f"all {len(SCOPES)}")
    needs = "; ".join(f"{scope} for {', '.join(names)}" for scope, names in missing.items())
    return warning(
        "scopes",
        f"{', '.join(granted) or 'none'}; missing {', '.join(missing)}",
        f"Create a token with the scopes you need in the dashboard: {needs}.",
    )
