"""Who may call: tokens, their kinds, and what each may send in a minute, a day, a lifetime.

Reference: Authentication, Security controls, Sandbox tokens, Collaborator-issued tokens.
"""

import ipaddress
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, lru_cache

from werkzeug.wrappers import Request

from outreply_cli.emulator.rate import RateWindows, Window
from outreply_cli.emulator.request import ErrorResponse, Principal, too_many
from outreply_cli.spec.limits import (
    EVERY_SCOPE,
    SANDBOX_CAPS,
    SANDBOX_PREFIX,
    SANDBOX_SCOPES,
    TIERS,
    TOKEN_PREFIXES,
    Tier,
)

_MINUTES_OF_FULL_RATE_PER_DAY = 1500
_UPGRADE_URL = "https://outreply.com/dashboard/api"


def authenticate(db: sqlite3.Connection, request: Request, now: datetime) -> Principal:
    """The caller of `request`, by either header.

    Raises:
        Refusal: 401 for a token that is missing, unknown, revoked or expired; 403 for one that may
            not be used from here, or whose issuer lost full access.
    """
    caller = identify_caller(db, request)
    if caller is None:
        raise ErrorResponse(401, "INVALID_TOKEN" if _secret_of(request) else "MISSING_TOKEN")
    token = caller.token
    if token["revoked_at"] is not None:
        raise ErrorResponse(401, "TOKEN_REVOKED")
    if token["expires_at"] is not None and token["expires_at"] <= now.timestamp():
        raise ErrorResponse(401, "TOKEN_EXPIRED")
    allowlist = _listed(token["ip_allowlist"])
    if allowlist and not _is_listed(request.remote_addr or "", allowlist):
        raise ErrorResponse(403, "IP_NOT_ALLOWED", ip=request.remote_addr)
    if token["issued_by_collaborator_id"] is not None and not token["has_full_access"]:
        raise ErrorResponse(403, "COLLABORATOR_INSUFFICIENT")
    return caller


def identify_caller(db: sqlite3.Connection, request: Request) -> Principal | None:
    """Whose token the request has, in force or not; None where nobody's."""
    secret = _secret_of(request)
    if not secret.startswith(TOKEN_PREFIXES):
        return None
    token = db.execute("SELECT * FROM tokens WHERE secret = ?", (secret,)).fetchone()
    if token is None:
        return None
    user = db.execute("SELECT * FROM users WHERE id = ?", (token["user_id"],)).fetchone()
    scopes, brand_ids = _listed(token["scopes"]), _listed(token["brand_ids"])
    if secret.startswith(SANDBOX_PREFIX):
        # Read-only, whatever else it was given.
        scopes = tuple(one for one in SANDBOX_SCOPES if one in scopes or EVERY_SCOPE in scopes)
    if token["on_behalf_of_brand_id"] is not None:
        brand_ids = (token["on_behalf_of_brand_id"],)
    return Principal(token, user, scopes, brand_ids)


def require_scope(caller: Principal, scope: str | None, *, reads: bool) -> None:
    """Refuse a token that lacks `scope` (`403 MISSING_SCOPE`).

    Where an endpoint needs none, a sandbox token still only reads.
    """
    if scope is None and not reads and is_sandbox(caller):
        scope = EVERY_SCOPE
    if scope is not None and not caller.may(scope):
        raise ErrorResponse(
            403,
            "MISSING_SCOPE",
            f"This API token is missing the required scope: {scope}",
            required_scope=scope,
            your_scopes=list(caller.scopes),
        )


def get_tier(user: sqlite3.Row) -> Tier:
    """The limits of a user: those of the tier, but for what the seed set otherwise."""
    return _tier(user["tier"], user["limits"])


@cache
def _tier(name: str, limits: str) -> Tier:
    return replace(TIERS[name], **json.loads(limits))


def get_rate(caller: Principal) -> tuple[int, int]:
    """Requests a minute and a day that the caller's token has."""
    if is_sandbox(caller):
        return SANDBOX_CAPS.per_minute, SANDBOX_CAPS.per_day
    per_minute = get_tier(caller.user).per_minute
    return per_minute, per_minute * _MINUTES_OF_FULL_RATE_PER_DAY


def is_sandbox(caller: Principal) -> bool:
    """Whether the caller's token is a sandbox one: no quota of the user is spent, no hook fires."""
    return bool(caller.token["secret"].startswith(SANDBOX_PREFIX))


def set_tier_header(caller: Principal, headers: dict[str, str]) -> None:
    """Put the caller's tier and scopes into `headers`."""
    headers["X-API-Tier"] = caller.user["tier"]
    headers["X-API-Scopes"] = " ".join(caller.scopes)


def set_rate_headers(
    rate: RateWindows,
    caller: Principal,
    headers: dict[str, str],
    *,
    now: datetime,
    monotonic: float,
    spend: bool = False,
) -> Window:
    """Put into `headers` where the caller stands in its minute, after one more where `spend`."""
    limit, _ = get_rate(caller)
    window = rate.look(caller.token["id"], limit, monotonic, spend=spend)
    headers["X-RateLimit-Limit"] = str(limit)
    headers["X-RateLimit-Remaining"] = str(window.remaining)
    headers["X-RateLimit-Reset"] = str(int(now.timestamp() + window.seconds_left) + 1)
    return window


def enforce_rate(
    rate: RateWindows,
    caller: Principal,
    headers: dict[str, str],
    *,
    now: datetime,
    monotonic: float,
) -> None:
    """Count a request in its minute and tell of it in `headers`; 429 RATE_LIMITED beyond it."""
    window = set_rate_headers(rate, caller, headers, now=now, monotonic=monotonic, spend=True)
    if window.refused:
        raise too_many("RATE_LIMITED", int(window.seconds_left) + 1)


def count_request(db: sqlite3.Connection, caller: Principal, now: datetime) -> None:
    """Count a request in its day and in its token's life.

    Raises:
        Refusal: 402 SANDBOX_EXHAUSTED, or 429 DAILY_LIMIT_EXCEEDED until the next UTC day.
    """
    if is_sandbox(caller) and caller.token["request_count"] >= SANDBOX_CAPS.lifetime_requests:
        raise ErrorResponse(402, "SANDBOX_EXHAUSTED", upgrade_url=_UPGRADE_URL)
    _, per_day = get_rate(caller)
    day = f"{now:%Y-%m-%d}"
    bucket = f"day of {caller.token['id']}"
    used = db.execute(
        "INSERT INTO usage VALUES (?, ?, ?, 1) "
        "ON CONFLICT (user_id, month, bucket) DO UPDATE SET used = used + 1 RETURNING used",
        (caller.user["id"], day, bucket),
    ).fetchone()["used"]
    if used > per_day:
        # The caller's transaction is undone, and with it this count.
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        raise too_many("DAILY_LIMIT_EXCEEDED", int((midnight - now).total_seconds()) + 1)
    db.execute(
        "UPDATE tokens SET last_used_at = ?, request_count = request_count + 1 WHERE id = ?",
        (now.timestamp(), caller.token["id"]),
    )


@lru_cache(maxsize=1_000)
def _listed(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _secret_of(request: Request) -> str:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    secret = bearer.strip() if scheme.lower() == "bearer" else ""
    return secret or request.headers.get("X-API-Key", "").strip()


def _is_listed(address: str, allowlist: Sequence[str]) -> bool:
    networks = [network for entry in allowlist if (network := parse_network(entry)) is not None]
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks)


def parse_network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """What an entry of an allowlist stands for, an address or a CIDR range; None for neither."""
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None
