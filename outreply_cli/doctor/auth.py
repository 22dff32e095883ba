"""The keyring, the token, and what the token may do."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from outreply_cli.accounts.keyring import KeyringError, KeyringStore
from outreply_cli.accounts.profiles import DEFAULT_PROFILE, Profile
from outreply_cli.accounts.resolve import Account, resolve_account
from outreply_cli.api.client import Client
from outreply_cli.api.errors import ApiError, AuthenticationError
from outreply_cli.clock import Clock
from outreply_cli.doctor.result import CheckResult, DoctorContext, failure, ok, skipped, warning
from outreply_cli.env import TOKEN_VARIABLES
from outreply_cli.errors import NotLoggedInError, OutReplyError
from outreply_cli.spec.limits import EVERY_SCOPE, SCOPES
from outreply_cli.spec.scopes import missing_scopes
from outreply_cli.times import format_duration
from outreply_cli.timestamps import parse_timestamp

# Both together are what a keyring that never answers may cost.
_PROBE_SECONDS = 1.5
_AGAIN_SECONDS = 0.2
_EXPIRES_SOON = timedelta(days=14)


def find_account(patient: DoctorContext, clock: Clock) -> tuple[list[CheckResult], Account | None]:
    """What is found of keyring and token, and the account that a command would act for."""
    keyring, answers = _keyring(patient.profile, patient, clock)
    store = KeyringStore(_PROBE_SECONDS if answers else _AGAIN_SECONDS)
    try:
        account = resolve_account(patient.config_dir, patient.environ, patient.flag, store)
    except NotLoggedInError as missing:
        told = warning("token", missing.message, missing.hint or "Run: outreply auth login")
        return [keyring, told], None
    except KeyringError:
        return [keyring, skipped("token", "the keyring that keeps it can't be used")], None
    except OutReplyError as problem:
        return [keyring, failure("token", problem.message, problem.hint or "Sign in again.")], None
    return [keyring], account


def check_token(account: Account, client: Client | None, now: datetime) -> Iterator[CheckResult]:
    """Whether the token works, and what it may do.

    Args:
        account: Whose token.
        client: Speaks with the token; None where the API can't be reached.
        now: The present instant.
    """
    credential = account.credential
    place = f"{credential.token.prefix}… from {credential.place}"
    if credential.token.known_prefix is None:
        yield warning(
            "token",
            f"a token of an unknown kind from {credential.place}; it was not sent",
            "Copy it again from the dashboard; it starts with outreply_live_.",
        )
        return
    if client is None:
        yield skipped("token", f"{place}; the API can't be asked")
        return
    try:
        me = client.me()
    except AuthenticationError as refused:
        yield failure("token", f"{place}: {refused.message} ({refused.code})",
                      refused.hint or "Sign in again: outreply auth login")  # fmt: skip
        return
    except ApiError as refused:
        yield failure("token", f"{place}: {refused.message} ({refused.code})",
                      refused.hint or "Try again later.")  # fmt: skip
        return
    except OutReplyError as problem:
        yield skipped("token", f"{place}; {problem.message}")
        return
    key = me.get("api_key") if isinstance(me.get("api_key"), dict) else {}
    yield _token(place, me, key or {}, now, is_sandbox=credential.token.is_sandbox)
    yield _scopes([str(scope) for scope in (key or {}).get("scopes") or []])


def _keyring(
    profile: Profile | None, patient: DoctorContext, clock: Clock
) -> tuple[CheckResult, bool]:
    by_variable = patient.flag is None and any(map(patient.environ.get, TOKEN_VARIABLES))
    is_needed = profile is not None and profile.storage == "keyring" and not by_variable
    started = clock.monotonic()
    try:
        name = profile.name if profile else DEFAULT_PROFILE
        backend = KeyringStore(_PROBE_SECONDS).probe(name)
    except KeyringError as problem:
        if is_needed:
            told = failure("keyring", problem.message, problem.hint or "Unlock it.")
        elif by_variable or (profile is not None and profile.storage == "file"):
            told = ok("keyring", f"not needed ({problem.message})")
        else:
            told = warning("keyring", problem.message, problem.hint or "Unlock it.")
        return told, False
    milliseconds = (clock.monotonic() - started) * 1000
    return ok("keyring", f"{backend} answered in {milliseconds:.0f} ms"), True


def _token(
    place: str, me: dict[str, Any], key: dict[str, Any], now: datetime, *, is_sandbox: bool
) -> CheckResult:
    who = (me.get("authenticated_as") or {}).get("email")
    found = f"{place}: {who}, key {key.get('name')!r}"
    if is_sandbox:
        return warning(
            "token", f"{found}, a sandbox token",
            "It only reads, 100 requests in its whole life: make a live one in the dashboard.",
        )  # fmt: skip
    try:
        ends = parse_timestamp(str(key["expires_at"])) if key.get("expires_at") else None
    except ValueError:
        ends = None
    if ends is None:
        return ok("token", f"{found}, does not expire")
    if ends - now < _EXPIRES_SOON:
        return warning(
            "token", f"{found}, expires in {format_duration(ends - now)}",
            "Make a new token in the dashboard, then: outreply auth login",
        )  # fmt: skip
    return ok("token", f"{found}, expires in {format_duration(ends - now)}")


def _scopes(held: list[str]) -> CheckResult:
    if EVERY_SCOPE in held:
        return ok("scopes", "all of them (*); a token with those you need alone is safer")
    missing = missing_scopes(held)
    if not missing:
        return ok("scopes", f"all {len(SCOPES)}")
    told = "; ".join(f"{scope} for {', '.join(names)}" for scope, names in missing.items())
    return warning(
        "scopes",
        f"{', '.join(held) or 'none'}; missing {', '.join(missing)}",
        f"Make a token with what you need in the dashboard: {told}.",
    )
