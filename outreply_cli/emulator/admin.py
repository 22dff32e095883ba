"""The admin API under `/_emulator/`: clock, tokens, seeds, snapshots, faults."""

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from outreply_cli.emulator.audit import AUDIT_EVENTS, list_audit
from outreply_cli.emulator.auth import is_allowed_address
from outreply_cli.emulator.delivery import DeliveryWorker, delete_expired, list_attempts
from outreply_cli.emulator.faults import Faults
from outreply_cli.emulator.incoming_comments import MAX_COMMENT_CHARACTERS, add_incoming_comment
from outreply_cli.emulator.rate import RateWindows
from outreply_cli.emulator.request import ErrorResponse, find_row, format_unix_time, round_up_time
from outreply_cli.emulator.scheduler import next_due_at, process_due
from outreply_cli.emulator.seed import load_default_seed, load_seed
from outreply_cli.emulator.seed_export import export_seed
from outreply_cli.emulator.seed_file import parse_seed
from outreply_cli.emulator.snapshots import load_snapshot, save_snapshot
from outreply_cli.emulator.state import State
from outreply_cli.emulator.tokens import (
    SHORT_ID_CHARACTERS,
    change_collaborator,
    create_token,
    edit_token,
    list_tokens,
    revoke_token,
    rotate_token,
    token_view,
)
from outreply_cli.emulator.webhooks import new_secret
from outreply_cli.errors import InvalidInputError, unknown_choice_error

_MAX_YEAR = 9_000
_MAX_ROWS = 1_000
_MAX_NUMBER = 1e12


class AdminApi:
    """The operations of the admin API; `worker` sends what becomes due while the clock is moved."""

    def __init__(
        self, state: State, worker: DeliveryWorker, faults: Faults, rate: RateWindows
    ) -> None:
        self._state, self._worker, self._faults, self._rate = state, worker, faults, rate

    def handle(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Run `operation` and return its result.

        Raises:
            ErrorResponse: The operation, or what a parameter names, does not exist.
            InvalidInputError: A parameter is invalid.
        """
        if operation == "advance":
            target = self._parse_target(params)
            # Locked so that deliveries that become due are sent and counted here.
            with self._worker.lock:
                return self._advance(target)
        if operation == "snapshot":
            return self._snapshot(params)
        state = self._state
        operations = {
            "status": self._status,
            "rotate": self._rotate,
            "enable": self._enable,
            "deliveries": self._deliveries,
            "token": lambda params: _with_secret(create_token(state, params)),
            "tokens": lambda _: {"tokens": list_tokens(state)},
            "edit-token": self._edit_token,
            "rotate-token": lambda params: _with_secret(
                rotate_token(state, _text(params, "token"))
            ),
            "revoke-token": self._revoke_token,
            "collaborator": self._collaborator,
            "audit": self._audit,
            "reset": self._reset,
            "seed": self._seed,
            "export": lambda _: {"seed": export_seed(state)},
            "freeze": self._freeze,
            "comment": self._comment,
            "fault": self._fault,
        }
        if operation not in operations:
            raise ErrorResponse(404, "NOT_FOUND", f"Unknown admin operation: {operation}")
        with state.transaction():
            return operations[operation](params)

    def _snapshot(self, params: Mapping[str, Any]) -> dict[str, Any]:
        if "save" in params:
            save_snapshot(self._state, Path(_text(params, "save")))
        else:
            load_snapshot(self._state, Path(_text(params, "load")))
            self._rate.clear()
        with self._state.transaction():
            return self._status({})

    def _status(self, _: Mapping[str, Any]) -> dict[str, Any]:
        db = self._state.connection
        counts = dict(db.execute("SELECT status, count(*) FROM posts GROUP BY status").fetchall())
        rows = db.execute("SELECT * FROM tokens ORDER BY scopes != '[\"*\"]', rowid").fetchall()
        return {
            "pid": os.getpid(),
            **self._get_clock(),
            "posts": {name: counts.get(name, 0) for name in ("scheduled", "published", "failed")},
            "tokens": [
                {"name": row["name"], "token": row["secret"], "scopes": json.loads(row["scopes"])}
                for row in rows
                if token_view(self._state, row)["status"] == "active"
                and is_allowed_address("127.0.0.1", row)
            ],
        }

    def _parse_target(self, params: Mapping[str, Any]) -> datetime:
        now = self._state.clock.now()
        try:
            if "to" in params:
                target = datetime.fromisoformat(_text(params, "to"))
                target = target if target.tzinfo else target.replace(tzinfo=UTC)
            else:
                target = now + timedelta(seconds=_number(params, "seconds"))
            is_valid = target.astimezone(UTC).year <= _MAX_YEAR
        except (ValueError, OverflowError):
            is_valid = False
        if not is_valid:
            raise InvalidInputError("the target time is invalid")
        if target < now:
            raise InvalidInputError(
                "the emulator's clock only moves forward",
                hint="Run: outreply emulator reset, or load a snapshot.",
            )
        return target

    def _advance(self, target: datetime) -> dict[str, Any]:
        clock = self._state.clock
        posts, delivered = Counter[str](), self._worker.deliver_due()
        # Steps from one due time to the next, so that everything happens at its own time.
        while (due_at := self._next_due_at()) is not None and due_at <= target.timestamp():
            self._set_time(max(clock.now(), round_up_time(due_at)))
            posts += self._process_due()
            delivered += self._worker.deliver_due()
        self._set_time(max(clock.now(), target))
        posts += self._process_due()
        delivered += self._worker.deliver_due()
        now = format_unix_time(clock.now().timestamp())
        counts = {name: posts[name] for name in ("published", "failed")}
        return {"now": now, **counts, "deliveries": delivered}

    def _next_due_at(self) -> float | None:
        with self._state.transaction() as db:
            scheduled = next_due_at(db)
        times = (scheduled, self._worker.next_due_at())
        return min((due_at for due_at in times if due_at is not None), default=None)

    def _set_time(self, at: datetime) -> None:
        with self._state.transaction():
            self._rate.advance((at - self._state.clock.now()).total_seconds())
            self._state.clock.set_time(at)

    def _process_due(self) -> Counter[str]:
        with self._state.transaction():
            return process_due(self._state, self._state.clock.now())

    def _rotate(self, params: Mapping[str, Any]) -> dict[str, Any]:
        # The previous secret also signs for 24 hours (reference: Secret rotation).
        changes = "previous_secret = secret, secret = ?, rotated_at = ?"
        now = self._state.clock.now().timestamp()
        row = self._update_webhook(params, changes, new_secret(self._state), now)
        return {"id": row["id"], "secret": row["secret"]}

    def _enable(self, params: Mapping[str, Any]) -> dict[str, Any]:
        row = self._update_webhook(params, "disabled_at = NULL, failures = 0")
        return {"id": row["id"], "active": True}

    def _update_webhook(
        self, params: Mapping[str, Any], changes: str, *values: object
    ) -> sqlite3.Row:
        return find_row(
            self._state.connection,
            f"Webhook not found: {_text(params, 'id')}",
            f"UPDATE hooks SET {changes} WHERE id = ? RETURNING *",  # noqa: S608
            (*values, self._expand_id("hooks", _text(params, "id"))),
            hint="See: outreply webhooks list --profile emulator",
        )

    def _expand_id(self, table: str, text: str) -> str:
        """The only ID in a table that starts with `text`, or `text` itself."""
        rows = self._state.connection.execute(
            f"SELECT id FROM {table} WHERE length(?) >= ? AND instr(id, ?) = 1 LIMIT 2",  # noqa: S608
            (text, SHORT_ID_CHARACTERS, text),
        ).fetchall()
        return str(rows[0]["id"]) if len(rows) == 1 else text

    def _deliveries(self, params: Mapping[str, Any]) -> dict[str, Any]:
        delete_expired(self._state)
        rows = self._state.connection.execute(
            "SELECT id, hook_id AS webhook_id, event, attempts, status, error, "
            "due_at AS next_attempt_at, created_at FROM deliveries ORDER BY number DESC LIMIT ?",
            (_limit(params),),
        ).fetchall()
        times = ("next_attempt_at", "created_at")
        return {
            "deliveries": [
                dict(row)
                | {name: format_unix_time(row[name]) for name in times}
                | {"attempt_log": list_attempts(self._state, row["id"])}
                for row in rows
            ]
        }

    def _edit_token(self, params: Mapping[str, Any]) -> dict[str, Any]:
        row = edit_token(self._state, _text(params, "token"), params)
        return token_view(self._state, row)

    def _revoke_token(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return token_view(self._state, revoke_token(self._state, _text(params, "token")))

    def _collaborator(self, params: Mapping[str, Any]) -> dict[str, Any]:
        rows = change_collaborator(self._state, _text(params, "id"), _text(params, "action"))
        return {"tokens": [token_view(self._state, row) for row in rows]}

    def _audit(self, params: Mapping[str, Any]) -> dict[str, Any]:
        event = None if params.get("event") is None else _text(params, "event")
        if event is not None and event not in AUDIT_EVENTS:
            raise unknown_choice_error("event", event, AUDIT_EVENTS)
        denied = params.get("denied") is True
        entries = list_audit(self._state, limit=_limit(params), event=event, denied=denied)
        return {"entries": entries}

    def _reset(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self._state.clear()
        load_default_seed(self._state)
        self._faults.clear()
        self._rate.clear()
        return self._status({})

    def _seed(self, params: Mapping[str, Any]) -> dict[str, Any]:
        seed = parse_seed(_text(params, "text"), _text(params, "name", "seed"))
        self._state.clear()
        load_seed(self._state, seed)
        # Posts and comments before the seed's `now` are already due.
        process_due(self._state, self._state.clock.now())
        self._rate.clear()
        return self._status({})

    def _freeze(self, params: Mapping[str, Any]) -> dict[str, Any]:
        clock = self._state.clock
        (clock.freeze if params.get("on", True) else clock.unfreeze)()
        return self._get_clock()

    def _get_clock(self) -> dict[str, Any]:
        clock = self._state.clock
        return {"now": format_unix_time(clock.now().timestamp()), "frozen": clock.is_frozen}

    def _comment(self, params: Mapping[str, Any]) -> dict[str, Any]:
        db, now = self._state.connection, self._state.clock.now()
        post = find_row(
            db,
            f"Published post not found: {_text(params, 'post_id')}",
            "SELECT id FROM posts WHERE status = 'published' AND ? IN (id, remote_id)",
            (self._expand_id("posts", _text(params, "post_id")),),
            hint="See: outreply posts list --published --profile emulator",
        )
        message = _text(params, "message")
        if not message.strip() or len(message) > MAX_COMMENT_CHARACTERS:
            raise InvalidInputError(f"message must have 1 to {MAX_COMMENT_CHARACTERS:,} characters")
        comment = (_text(params, "name", ""), _text(params, "username", ""), message)
        add_incoming_comment(self._state, post["id"], comment, now.timestamp())
        process_due(self._state, now)
        row = db.execute("SELECT id FROM comments ORDER BY number DESC LIMIT 1").fetchone()
        return {"id": row["id"], "post_id": post["id"]}

    def _fault(self, params: Mapping[str, Any]) -> dict[str, Any]:
        if "add" in params:
            options = params.get("options") or {}
            if not isinstance(options, Mapping):
                raise InvalidInputError("options must be a mapping")
            return self._faults.add(_text(params, "add"), options).to_dict()
        if "clear" in params:
            number = None if params["clear"] is None else int(_number(params, "clear"))
            return {"removed": self._faults.clear(number)}
        return {"faults": self._faults.list()}


def _text(params: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = params.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} must be a string")
    return value


def _with_secret(row: sqlite3.Row) -> dict[str, Any]:
    scopes = json.loads(row["scopes"])
    return {"id": row["id"], "name": row["name"], "token": row["secret"], "scopes": scopes}


def _limit(params: Mapping[str, Any]) -> int:
    return max(1, min(int(_number(params, "limit", 50)), _MAX_ROWS))


def _number(params: Mapping[str, Any], name: str, default: float | None = None) -> float:
    value = params.get(name, default)
    if type(value) not in {int, float} or not abs(value) <= _MAX_NUMBER:
        raise InvalidInputError(f"{name} must be a number of at most {_MAX_NUMBER:.0e}")
    return float(value)
