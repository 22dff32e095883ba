"""Authentication: tokens, scopes, and the limits per minute, per day and per lifetime.

Reference: Authentication, Security controls, Sandbox tokens, Collaborator-issued tokens.
"""

import ipaddress
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from werkzeug.wrappers import Request

from outreply_cli.emulator.rate import RateWindows
from outreply_cli.emulator.request import ErrorResponse, Principal, parse_list, too_many
from outreply_cli.emulator.state import State
from outreply_cli.spec.limits import (
    EVERY_SCOPE,
    SANDBOX_CAPS,
    SANDBOX_PREFIX,
    SANDBOX_SCOPES,
    TIERS,
    TOKEN_PREFIXES,
    Tier,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# A token's requests per day are its requests per minute times this number.
_MINUTES_OF_FULL_RATE_PER_DAY = 1500
_UPGRADE_URL = "https://outreply.com/dashboard/api"


def authenticate(caller: Principal | None, request: Request, now: datetime) -> Principal:
    """The `caller` of `request`, whose token is active and may be used from its address.

    Raises:
        ErrorResponse: 401 for a missing, unknown, revoked or expired token; 403 for one that is
            not allowed from this address, or whose issuer has lost full access.
    """
    if caller is None:
        raise ErrorResponse(401, "INVALID_TOKEN" if _get_secret(request) else "MISSING_TOKEN")
    token = caller.token
    if token["revoked_at"] is not None:
        raise ErrorResponse(401, "TOKEN_REVOKED")
    if token["expires_at"] is not None and token["expires_at"] <= now.timestamp():
        raise ErrorResponse(401, "TOKEN_EXPIRED")
    if not is_allowed_address(request.remote_addr or "", token):
        raise ErrorResponse(403, "IP_NOT_ALLOWED", ip=request.remote_addr)
    if token["issued_by_collaborator_id"] is not None and not token["has_full_access"]:
        raise ErrorResponse(403, "COLLABORATOR_INSUFFICIENT")
    return caller


def is_allowed_address(address: str, token: sqlite3.Row) -> bool:
    """Whether the allowlist of a token contains an IP address, or is empty."""
    networks = [parse_network(entry) for entry in parse_list(token["ip_allowlist"])]
    return not networks or _is_in(address, networks)


def identify_caller(state: State, request: Request) -> Principal | None:
    """The owner of the request's token, active or not; None for an unknown token.

    Its time of last use and count of requests may be stale: see `get_token`.
    """
    secret = _get_secret(request)
    if not secret.startswith(TOKEN_PREFIXES):
        return None
    return state.get_cached(("caller", secret), lambda: _find_caller(state.connection, secret))


def get_token(state: State, caller: Principal) -> sqlite3.Row:
    """The caller's token, with its uses up to date."""
    state.write_deferred()
    sql = "SELECT * FROM tokens WHERE id = ?"
    token: sqlite3.Row = state.connection.execute(sql, (caller.token["id"],)).fetchone()
    return token


def _find_caller(db: sqlite3.Connection, secret: str) -> Principal | None:
    token = db.execute("SELECT * FROM tokens WHERE secret = ?", (secret,)).fetchone()
    if token is None:
        return None
    user = db.execute("SELECT * FROM users WHERE id = ?", (token["user_id"],)).fetchone()
    scopes, brand_ids = parse_list(token["scopes"]), parse_list(token["brand_ids"])
    if secret.startswith(SANDBOX_PREFIX):
        # Read-only, regardless of its scopes.
        scopes = tuple(
            scope for scope in SANDBOX_SCOPES if scope in scopes or EVERY_SCOPE in scopes
        )
    if token["on_behalf_of_brand_id"] is not None:
        brand_ids = (token["on_behalf_of_brand_id"],)
    return Principal(token, user, scopes, brand_ids)


def require_scope(caller: Principal, scope: str | None, *, reads: bool) -> None:
    """Raise `403 MISSING_SCOPE` for a token without `scope`.

    A sandbox token may only read, even from endpoints that require no scope.
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
    """The limits of a user: those of the tier with the seed's overrides."""
    return _tier(user["tier"], user["limits"])


@cache
def _tier(name: str, limits: str) -> Tier:
    return replace(TIERS[name], **json.loads(limits))


def get_rate(caller: Principal) -> tuple[int, int]:
    """The requests per minute and per day that the caller's token allows."""
    if is_sandbox(caller):
        return SANDBOX_CAPS.per_minute, SANDBOX_CAPS.per_day
    per_minute = get_tier(caller.user).per_minute
    return per_minute, per_minute * _MINUTES_OF_FULL_RATE_PER_DAY


def is_sandbox(caller: Principal) -> bool:
    """Whether the token is a sandbox token, which spends no quota and triggers no webhook."""
    return bool(caller.token["secret"].startswith(SANDBOX_PREFIX))


def set_caller_headers(caller: Principal, headers: dict[str, str]) -> None:
    """Set the headers about the caller's tier and scopes."""
    headers["X-API-Tier"] = caller.user["tier"]
    headers["X-API-Scopes"] = " ".join(caller.scopes)


def set_rate_headers(
    rate: RateWindows,
    caller: Principal,
    headers: dict[str, str],
    now: datetime,
    *,
    spend: bool = False,
) -> None:
    """Set the rate limit headers, after counting one more request if `spend`.

    Raises:
        ErrorResponse: 429 RATE_LIMITED, for a counted request.
    """
    limit, _ = get_rate(caller)
    window = rate.get(caller.token["id"], limit, spend=spend)
    headers["X-RateLimit-Limit"] = str(limit)
    headers["X-RateLimit-Remaining"] = str(window.remaining)
    headers["X-RateLimit-Reset"] = str(int(now.timestamp() + window.seconds_left) + 1)
    if spend and window.exceeded:
        raise too_many("RATE_LIMITED", int(window.seconds_left) + 1)


def count_request(state: State, caller: Principal, now: datetime) -> None:
    """Count a request in its day and in the token's lifetime.

    Raises:
        ErrorResponse: 402 SANDBOX_EXHAUSTED, or 429 DAILY_LIMIT_EXCEEDED until the next UTC day.
    """
    if is_sandbox(caller):
        uses = get_token(state, caller)["request_count"]
        if uses >= SANDBOX_CAPS.lifetime_requests:
            raise ErrorResponse(402, "SANDBOX_EXHAUSTED", upgrade_url=_UPGRADE_URL)
    _, per_day = get_rate(caller)
    bucket = f"day of {caller.token['id']}"
    day = now.date().isoformat()
    if state.count_later(caller.user["id"], day, bucket, limit=per_day) > per_day:
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        raise too_many("DAILY_LIMIT_EXCEEDED", int((midnight - now).total_seconds()) + 1)
    state.write_later(
        "UPDATE tokens SET last_used_at = ?, request_count = request_count + 1 WHERE id = ?",
        (now.timestamp(), caller.token["id"]),
    )


def _get_secret(request: Request) -> str:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    secret = bearer.strip() if scheme.lower() == "bearer" else ""
    return secret or request.headers.get("X-API-Key", "").strip()


def _is_in(address: str, networks: Sequence[Network | None]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(network is not None and ip in network for network in networks)


def parse_network(entry: str) -> Network | None:
    """The network of an allowlist entry, an address or a CIDR range; None for anything else."""
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None
