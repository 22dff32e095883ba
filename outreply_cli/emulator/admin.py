"""What drives a running emulator from outside its API: its clock, its tokens, its contents."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from outreply_cli.emulator.delivery import DeliveryWorker
from outreply_cli.emulator.faults import Faults
from outreply_cli.emulator.incoming_comments import expect_comment
from outreply_cli.emulator.rate import RateWindows
from outreply_cli.emulator.request import ErrorResponse, format_timestamp
from outreply_cli.emulator.scheduler import next_due_at, process_due
from outreply_cli.emulator.seed import create_token, load_default_seed, load_seed
from outreply_cli.emulator.seed_export import export_seed
from outreply_cli.emulator.seed_file import parse_seed
from outreply_cli.emulator.snapshots import load_snapshot, save_snapshot
from outreply_cli.emulator.state import State
from outreply_cli.emulator.webhooks import enable, rotate
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.limits import EVERY_SCOPE, SCOPES

_LAST_YEAR = 9_000
_ROWS_MAX = 1_000
_AGE_MAX = 100 * 366 * 86_400.0
_NUMBER_MAX = 1e12


class AdminApi:
    """The verbs behind `/_emulator/`.

    Args:
        state: What they steer.
        deliverer: Sends what falls due while the clock is moved.
        faults: What the emulator does wrong.
        rate: Where each token stands in its minute.
    """

    def __init__(
        self, state: State, deliverer: DeliveryWorker, faults: Faults, rate: RateWindows
    ) -> None:
        self._state = state
        self._faults = faults
        self._rate = rate
        self._deliverer = deliverer

    def handle(self, verb: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out `verb` and tell what came of it.

        Raises:
            Refusal: There is no such verb or thing.
            InvalidInputError: What was asked can't be meant.
        """
        if verb == "advance":
            target = self._target(asked)
            # What falls due meanwhile is this clock's doing, and counted here.
            with self._deliverer.held():
                return self._advance(target)
        if verb == "snapshot":
            return self._snapshot(asked)
        verbs = {
            "status": self._status,
            "rotate": self._rotate,
            "enable": self._enable,
            "deliveries": self._deliveries,
            "token": self._token,
            "reset": self._reset,
            "seed": self._seed,
            "export": self._export,
            "freeze": self._freeze,
            "comment": self._comment,
            "fault": self._fault,
        }
        if verb not in verbs:
            raise ErrorResponse(404, "NOT_FOUND", f"There is no control verb {verb!r}")
        with self._state.transaction():
            return verbs[verb](asked)

    def _snapshot(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if "save" in asked:
            save_snapshot(self._state, Path(_text(asked, "save")))
        else:
            load_snapshot(self._state, Path(_text(asked, "load")))
            self._rate.clear()
        with self._state.transaction():
            return self._status({})

    def _status(self, _: Mapping[str, Any]) -> dict[str, Any]:
        db = self._state.connection
        counts = dict(db.execute("SELECT status, count(*) FROM posts GROUP BY status").fetchall())
        tokens = db.execute(
            "SELECT name, secret, scopes FROM tokens WHERE revoked_at IS NULL "
            "AND (expires_at IS NULL OR expires_at > ?) ORDER BY scopes != '[\"*\"]', rowid",
            (self._state.clock.now().timestamp(),),
        )
        return {
            "pid": os.getpid(),
            "now": format_timestamp(self._state.clock.now().timestamp()),
            "frozen": self._state.clock.is_frozen,
            "posts": {name: counts.get(name, 0) for name in ("scheduled", "published", "failed")},
            "tokens": [
                {"name": row["name"], "token": row["secret"], "scopes": json.loads(row["scopes"])}
                for row in tokens
            ],
        }

    def _target(self, asked: Mapping[str, Any]) -> datetime:
        now = self._state.clock.now()
        try:
            if "to" in asked:
                target = datetime.fromisoformat(_text(asked, "to"))
                target = target if target.tzinfo else target.replace(tzinfo=UTC)
            else:
                target = now + timedelta(seconds=_number(asked, "seconds"))
            in_reach = target.astimezone(UTC).year <= _LAST_YEAR
        except (ValueError, OverflowError):
            in_reach = False
        if not in_reach:
            raise InvalidInputError("the clock can't be moved there")
        if target < now:
            raise InvalidInputError(
                "the emulator's clock only moves forward",
                hint="Begin anew with: outreply emulator reset, or bring back a snapshot.",
            )
        return target

    def _advance(self, target: datetime) -> dict[str, Any]:
        clock = self._state.clock
        published, delivered = 0, self._deliverer.deliver_due()
        # From one thing that falls due to the next, so that each happens at its own time.
        while (moment := self._next_due()) is not None and moment <= target.timestamp():
            self._move_to(max(clock.now(), _not_before(moment)))
            published += self._publish()
            delivered += self._deliverer.deliver_due()
        self._move_to(max(clock.now(), target))
        published += self._publish()
        delivered += self._deliverer.deliver_due()
        now = format_timestamp(clock.now().timestamp())
        return {"now": now, "published": published, "deliveries": delivered}

    def _next_due(self) -> float | None:
        with self._state.transaction() as db:
            happening = next_due_at(db)
        delivery = self._deliverer.next_due()
        return min((due for due in (happening, delivery) if due is not None), default=None)

    def _move_to(self, moment: datetime) -> None:
        with self._state.transaction():
            self._rate.age((moment - self._state.clock.now()).total_seconds())
            self._state.clock.set_time(moment)

    def _publish(self) -> int:
        with self._state.transaction() as db:
            return process_due(self._state, db, self._state.clock.now())

    def _rotate(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        hook_id = _text(asked, "id")
        return {"id": hook_id, "secret": rotate(self._state, hook_id)}

    def _enable(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        hook_id = _text(asked, "id")
        enable(self._state, hook_id)
        return {"id": hook_id, "active": True}

    def _deliveries(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        limit = int(_number(asked, "limit", 50))
        rows = self._state.connection.execute(
            "SELECT * FROM deliveries ORDER BY number DESC LIMIT ?",
            (max(1, min(limit, _ROWS_MAX)),),
        )
        return {
            "deliveries": [
                {
                    "id": row["id"],
                    "webhook_id": row["hook_id"],
                    "event": row["event"],
                    "attempts": row["attempts"],
                    "status": row["status"],
                    "error": row["error"],
                    "next_attempt_at": format_timestamp(row["due_at"]),
                    "created_at": format_timestamp(row["created_at"]),
                }
                for row in rows
            ]
        }

    def _token(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        scopes = asked.get("scopes") or [EVERY_SCOPE]
        if not isinstance(scopes, list):
            raise InvalidInputError("scopes is a list of them")
        unknown = [scope for scope in scopes if scope not in (*SCOPES, EVERY_SCOPE)]
        if unknown:
            raise InvalidInputError(
                f"there is no scope {unknown[0]!r}", hint=f"Choose: {', '.join(SCOPES)}, *"
            )
        user = self._state.connection.execute("SELECT id FROM users LIMIT 1").fetchone()
        if user is None:
            raise ErrorResponse(404, "NOT_FOUND", "There is no account to make a token for")
        seconds = None if asked.get("expires_in") is None else _number(asked, "expires_in")
        row = create_token(
            self._state,
            user["id"],
            name=_text(asked, "name", "made on request"),
            scopes=scopes,
            expires_in=None if seconds is None else timedelta(seconds=min(seconds, _AGE_MAX)),
        )
        return {"name": row["name"], "token": row["secret"], "scopes": list(scopes)}

    def _reset(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self._state.clear()
        load_default_seed(self._state)
        self._faults.clear()
        self._rate.clear()
        return self._status({})

    def _seed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if "text" in asked:
            seed = parse_seed(_text(asked, "text"), _text(asked, "name", "seed"))
            self._state.clear()
            load_seed(self._state, seed)
            # What lies in the past by the seed's own time has happened.
            process_due(self._state, self._state.connection, self._state.clock.now())
            self._rate.clear()
        elif self._state.is_empty:
            load_default_seed(self._state)
        return self._status({})

    def _export(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"seed": export_seed(self._state)}

    def _freeze(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        clock = self._state.clock
        (clock.freeze if asked.get("on", True) else clock.unfreeze)()
        return {"now": format_timestamp(clock.now().timestamp()), "frozen": clock.is_frozen}

    def _comment(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        db, now = self._state.connection, self._state.clock.now()
        post = db.execute(
            "SELECT id FROM posts WHERE status = 'published' AND ? IN (id, remote_id)",
            (_text(asked, "post_id"),),
        ).fetchone()
        if post is None:
            hint = "See: outreply posts list --published --profile emulator"
            raise ErrorResponse(404, "NOT_FOUND", "Published post not found", hint=hint)
        comment = (_text(asked, "name", ""), _text(asked, "username", ""), _text(asked, "message"))
        expect_comment(db, post["id"], comment, now.timestamp())
        process_due(self._state, db, now)
        row = db.execute("SELECT id FROM comments ORDER BY number DESC LIMIT 1").fetchone()
        return {"id": row["id"], "post_id": post["id"]}

    def _fault(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if "add" in asked:
            choices = asked.get("choices") or {}
            if not isinstance(choices, Mapping):
                raise InvalidInputError("choices is a mapping of them")
            return self._faults.add(_text(asked, "add"), **choices).view()
        if "clear" in asked:
            number = None if asked["clear"] is None else int(_number(asked, "clear"))
            return {"ended": self._faults.clear(number)}
        return {"faults": self._faults.view()}


def _text(asked: Mapping[str, Any], name: str, default: str | None = None) -> str:
    given = asked.get(name)
    if given is None and default is not None:
        return default
    if not isinstance(given, str):
        raise InvalidInputError(f"{name} is needed, and is a text")
    return given


def _number(asked: Mapping[str, Any], name: str, default: float | None = None) -> float:
    given = asked.get(name, default)
    if type(given) not in {int, float} or not abs(given) <= _NUMBER_MAX:
        raise InvalidInputError(f"{name} is needed, and is a number within reason")
    return float(given)


def _not_before(moment: float) -> datetime:
    # A float between two microseconds would be rounded to a time at which nothing is due yet.
    found = datetime.fromtimestamp(moment, UTC)
    return found if found.timestamp() >= moment else found + timedelta(microseconds=1)
