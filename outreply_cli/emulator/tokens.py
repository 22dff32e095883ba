"""API tokens as the dashboard manages them: created, changed, rotated and revoked.

Reference: Security controls, Tiers & limits, Collaborator-issued tokens.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import Any

from outreply_cli.emulator.audit import log_token_change
from outreply_cli.emulator.auth import get_tier, parse_network
from outreply_cli.emulator.request import ErrorResponse, find_row, view_row
from outreply_cli.emulator.state import State
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.limits import (
    EVERY_SCOPE,
    MAX_TOKEN_LIFETIME,
    SANDBOX_PREFIX,
    SCOPES,
    TOKEN_PREFIXES,
)

_SEE_TOKENS = "See: outreply emulator tokens"
_SETTINGS = ("scopes", "brands", "ip_allowlist", "expires_in")
_NAME_CHARACTERS = 200
# Characters of a token that are shown after its documented prefix.
_PREFIX_CHARACTERS = 5
# An ID may be cut to a unique prefix of this length.
SHORT_ID_CHARACTERS = 6
_LIVE_PREFIX = "outreply_live_"
_ACTIVE = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)"


def add_token(
    state: State,
    user_id: str,
    *,
    name: str,
    scopes: Sequence[str] = (EVERY_SCOPE,),
    prefix: str = _LIVE_PREFIX,
    **columns: object,
) -> sqlite3.Row:
    """Insert a token without checks; `columns` are further values, such as its `secret`."""
    token_id = state.new_id()
    if "secret" not in columns:
        columns["secret"] = prefix + state.new_hex(48)
    return state.insert(
        "tokens", user_id=user_id, name=name, scopes=json.dumps(list(scopes)),
        **({"id": token_id} | columns),
    )  # fmt: skip


def create_token(state: State, params: Mapping[str, Any]) -> sqlite3.Row:
    """Create a token with the `name`, `collaborator` and settings in `params`.

    Raises:
        InvalidInputError: A setting is invalid, or the tier allows no more active keys.
    """
    db = state.connection
    _check_names(params, "name", "collaborator")
    user = _find_user(state, params)
    columns = _parse_settings(state, user, params)
    collaborator = params.get("collaborator")
    if collaborator is not None:
        brands = json.loads(columns.pop("brand_ids", "[]"))
        if not isinstance(collaborator, str) or not collaborator or len(brands) != 1:
            raise InvalidInputError("a collaborator's token requires exactly one brand")
        downgraded = db.execute(
            "SELECT 1 FROM tokens WHERE issued_by_collaborator_id = ? AND NOT has_full_access",
            (collaborator,),
        ).fetchone()
        if downgraded is not None:
            raise InvalidInputError(f"the collaborator {collaborator!r} does not have full access")
        columns |= {"issued_by_collaborator_id": collaborator, "on_behalf_of_brand_id": brands[0]}
    check_key_limit(db, user, state.clock.now(), new=1)
    scopes = json.loads(columns.pop("scopes", f'["{EVERY_SCOPE}"]'))
    name = params.get("name") or "created on request"
    if not isinstance(name, str) or len(name) > _NAME_CHARACTERS:
        raise InvalidInputError(f"name must be a string of at most {_NAME_CHARACTERS} characters")
    row = add_token(state, user["id"], name=name, scopes=scopes, **columns)
    log_token_change(state, row, "token.created")
    return row


def edit_token(state: State, token: str, params: Mapping[str, Any]) -> sqlite3.Row:
    """Change the settings of a token, found by name or ID; those not in `params` are kept.

    Raises:
        ErrorResponse: The token does not exist.
        InvalidInputError: A setting is invalid.
    """
    _check_names(params, "token")
    row = _find_unrevoked(state, token)
    sql = "SELECT * FROM users WHERE id = ?"
    user = state.connection.execute(sql, (row["user_id"],)).fetchone()
    columns = _parse_settings(state, user, params)
    if "brand_ids" in columns and row["on_behalf_of_brand_id"] is not None:
        raise InvalidInputError("a collaborator's token is bound to its brand")
    if not columns:
        raise InvalidInputError(
            "nothing to change", hint="See: outreply emulator edit-token --help"
        )
    updated = _update(state, row, "token.changed", columns)
    check_key_limit(state.connection, user, state.clock.now())
    return updated


def rotate_token(state: State, token: str) -> sqlite3.Row:
    """Replace the secret of a token; the previous one is invalid from now on (Rotation)."""
    row = _find_unrevoked(state, token)
    prefix = SANDBOX_PREFIX if row["secret"].startswith(SANDBOX_PREFIX) else _LIVE_PREFIX
    return _update(state, row, "token.rotated", {"secret": prefix + state.new_hex(48)})


def revoke_token(state: State, token: str) -> sqlite3.Row:
    """Revoke a token; its requests fail with 401 TOKEN_REVOKED."""
    row = find_token(state, token)
    if row["revoked_at"] is not None:
        return row
    return _update(state, row, "token.revoked", {"revoked_at": state.clock.now().timestamp()})


def change_collaborator(state: State, collaborator: str, action: str) -> list[sqlite3.Row]:
    """Apply an action to all tokens that a collaborator issued (Collaborator-issued tokens).

    Args:
        state: The emulator's state.
        collaborator: The ID of the collaborator.
        action: `remove` revokes the tokens; `downgrade` and `restore` take and give back full
            access, without which requests fail with 403 COLLABORATOR_INSUFFICIENT.
    """
    if action not in {"remove", "downgrade", "restore"}:
        raise InvalidInputError("action must be one of: remove, downgrade, restore")
    rows = state.connection.execute(
        "SELECT * FROM tokens WHERE issued_by_collaborator_id = ? ORDER BY rowid", (collaborator,)
    ).fetchall()
    if not rows:
        text = f"No token was issued by the collaborator {collaborator}"
        brand = state.connection.execute("SELECT min(id) FROM brands").fetchone()[0]
        words = f"--collaborator {quote(collaborator)} --brands {quote(brand or 'NAME')}"
        hint = f"Issue one: outreply emulator token {words}"
        raise ErrorResponse(404, "NOT_FOUND", text, hint=hint)
    if action == "remove":
        return [revoke_token(state, row["id"]) for row in rows]
    is_restored = action == "restore"
    return [
        row
        if row["revoked_at"] is not None or bool(row["has_full_access"]) == is_restored
        else _update(state, row, f"collaborator.{action}d", {"has_full_access": int(is_restored)})
        for row in rows
    ]


def find_token(state: State, token: str) -> sqlite3.Row:
    """The token with this ID or name; raises ErrorResponse or InvalidInputError."""
    rows = state.connection.execute(
        "SELECT * FROM tokens WHERE ? IN (id, name) OR (length(?) >= ? AND instr(id, ?) = 1) "
        "ORDER BY id != ?, rowid",
        (token, token, SHORT_ID_CHARACTERS, token, token),
    ).fetchall()
    if not rows:
        raise ErrorResponse(404, "NOT_FOUND", f"Token not found: {token}", hint=_SEE_TOKENS)
    if len(rows) > 1 and rows[0]["id"] != token:
        ids = ", ".join(row["id"] for row in rows)
        raise InvalidInputError(f"several tokens match {token!r}", hint=f"Use an ID: {ids}")
    found: sqlite3.Row = rows[0]
    return found


def _find_unrevoked(state: State, token: str) -> sqlite3.Row:
    row = find_token(state, token)
    if row["revoked_at"] is not None:
        raise InvalidInputError(f"the token {row['name']!r} is revoked")
    return row


def list_tokens(state: State) -> list[dict[str, Any]]:
    """All tokens, oldest first, without their secrets."""
    rows = state.connection.execute("SELECT * FROM tokens ORDER BY rowid").fetchall()
    return [token_view(state, row) for row in rows]


def token_view(state: State, row: sqlite3.Row) -> dict[str, Any]:
    """A token as the admin API shows it, without its secret."""
    status = "active"
    if row["revoked_at"] is not None:
        status = "revoked"
    elif row["expires_at"] is not None and row["expires_at"] <= state.clock.now().timestamp():
        status = "expired"
    elif row["issued_by_collaborator_id"] is not None and not row["has_full_access"]:
        status = "downgraded"
    brand = row["on_behalf_of_brand_id"]
    return {
        **view_row(row, "id", "name"),
        "prefix": get_prefix(row),
        "status": status,
        "scopes": json.loads(row["scopes"]),
        "brand_ids": json.loads(row["brand_ids"]) if brand is None else [brand],
        "ip_allowlist": json.loads(row["ip_allowlist"]),
        "collaborator": row["issued_by_collaborator_id"],
        **view_row(row, "expires_at", "last_used_at", "request_count"),
    }


def get_prefix(row: sqlite3.Row) -> str:
    """The start of a token's secret, as the API shows it."""
    secret: str = row["secret"]
    known = next((prefix for prefix in TOKEN_PREFIXES if secret.startswith(prefix)), "")
    return secret[: len(known) + _PREFIX_CHARACTERS]


def check_key_limit(
    db: sqlite3.Connection, user: sqlite3.Row, now: datetime, *, new: int = 0
) -> None:
    """Raise InvalidInputError if a user's active keys and `new` ones exceed the tier's limit.

    Sandbox tokens are issued with the account and do not count.
    """
    active = db.execute(
        f"SELECT count(*) FROM tokens WHERE user_id = ? AND {_ACTIVE} "  # noqa: S608
        "AND secret NOT LIKE ? || '%'",
        (user["id"], now.timestamp(), SANDBOX_PREFIX),
    ).fetchone()[0]
    limit = get_tier(user).active_keys
    if active + new > limit:
        raise InvalidInputError(
            f"the tier {user['tier']!r} allows {limit} active keys",
            hint="Revoke another token first.",
        )


def check_lifetime(expires_at: float, now: datetime) -> None:
    """Raise InvalidInputError for an expiry date more than two years ahead."""
    if expires_at > (now + MAX_TOKEN_LIFETIME).timestamp():
        raise InvalidInputError("a token expires after at most 2 years")


def _parse_settings(state: State, user: sqlite3.Row, params: Mapping[str, Any]) -> dict[str, Any]:
    """The columns for the settings of a token in `params`; raises InvalidInputError."""
    columns: dict[str, Any] = {}
    now = state.clock.now()
    if "expires_in" in params:
        seconds = params["expires_in"]
        columns["expires_at"] = None
        if seconds is not None:
            if type(seconds) not in {int, float} or not 0 <= seconds < 1e12:
                raise InvalidInputError("expires_in must be a number of seconds, or null")
            columns["expires_at"] = now.timestamp() + seconds
            check_lifetime(columns["expires_at"], now)
    if params.get("scopes") is not None:
        scopes = _strings(params, "scopes")
        unknown = [scope for scope in scopes if scope not in (*SCOPES, EVERY_SCOPE)]
        if unknown or not scopes:
            raise InvalidInputError(
                f"unknown scope {unknown[0]!r}" if unknown else "scopes must not be empty",
                hint=f"Use one of: {', '.join(SCOPES)}, *",
            )
        columns["scopes"] = json.dumps(list(dict.fromkeys(scopes)))
    if params.get("brands") is not None:
        columns["brand_ids"] = json.dumps(
            [_find_brand(state, user, brand) for brand in _strings(params, "brands")]
        )
    if params.get("ip_allowlist") is not None:
        entries = _strings(params, "ip_allowlist")
        invalid = [entry for entry in entries if parse_network(entry) is None]
        if invalid:
            raise InvalidInputError(f"invalid IP address or CIDR range {invalid[0]!r}")
        columns["ip_allowlist"] = json.dumps(entries)
    return columns


def _find_user(state: State, params: Mapping[str, Any]) -> sqlite3.Row:
    """The account of the brands in `params`, else the first one."""
    brands = params.get("brands")
    brand = brands[0] if isinstance(brands, list) and brands else None
    return find_row(
        state.connection,
        "The emulator has no account" if brand is None else f"Brand not found: {brand}",
        "SELECT users.* FROM users LEFT JOIN brands ON brands.user_id = users.id "
        "WHERE ? IS NULL OR ? IN (brands.id, brands.name) "
        "ORDER BY (SELECT min(rowid) FROM tokens WHERE user_id = users.id) LIMIT 1",
        (brand, brand),
    )


def _check_names(params: Mapping[str, Any], *names: str) -> None:
    for name in params:
        if name not in (*names, *_SETTINGS):
            raise InvalidInputError(f"unknown parameter {name!r}")


def _find_brand(state: State, user: sqlite3.Row, brand: str) -> str:
    row = find_row(
        state.connection,
        f"Brand not found: {brand}",
        "SELECT id FROM brands WHERE user_id = ? AND ? IN (id, name) ORDER BY id != ?",
        (user["id"], brand, brand),
        hint="See: outreply brands list --profile emulator",
    )
    return str(row["id"])


def _strings(params: Mapping[str, Any], name: str) -> list[str]:
    value = params[name]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidInputError(f"{name} must be a list of strings")
    return value


def _update(
    state: State, row: sqlite3.Row, event: str, columns: Mapping[str, object]
) -> sqlite3.Row:
    changes = ", ".join(f"{name} = ?" for name in columns)
    updated: sqlite3.Row = state.connection.execute(
        f"UPDATE tokens SET {changes} WHERE id = ? RETURNING *",  # noqa: S608
        (*columns.values(), row["id"]),
    ).fetchone()
    log_token_change(state, updated, event)
    return updated
