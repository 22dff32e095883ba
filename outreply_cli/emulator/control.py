"""What drives a running emulator from outside its API: its clock, its tokens, its contents."""

import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from outreply_cli.contract.limits import EVERY_SCOPE, SCOPES
from outreply_cli.emulator.call import Refusal, show_instant
from outreply_cli.emulator.posts import publish_due
from outreply_cli.emulator.seed import create_token, seed_default
from outreply_cli.emulator.state import State


class Control:
    """The verbs behind `/_emulator/`; each is called inside a transaction."""

    def __init__(self, state: State) -> None:
        self._state = state

    def do(self, verb: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out `verb` and tell what came of it."""
        verbs = {
            "status": self._status,
            "advance": self._advance,
            "token": self._token,
            "reset": self._reset,
            "seed": self._seed,
        }
        if verb not in verbs:
            raise Refusal(404, "NOT_FOUND", f"There is no control verb {verb!r}")
        return verbs[verb](asked)

    def _status(self, _: Mapping[str, Any]) -> dict[str, Any]:
        db = self._state.connection
        counts = dict(db.execute("SELECT status, count(*) FROM posts GROUP BY status").fetchall())
        tokens = db.execute(
            "SELECT name, secret, scopes FROM tokens WHERE revoked_at IS NULL ORDER BY rowid"
        )
        return {
            "pid": os.getpid(),
            "now": show_instant(self._state.clock.now().timestamp()),
            "posts": {name: counts.get(name, 0) for name in ("scheduled", "published", "failed")},
            "tokens": [
                {"name": row["name"], "token": row["secret"], "scopes": json.loads(row["scopes"])}
                for row in tokens
            ],
        }

    def _advance(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        clock = self._state.clock
        if "to" in asked:
            moment = datetime.fromisoformat(asked["to"])
        else:
            moment = clock.now() + timedelta(seconds=float(asked["seconds"]))
        if moment < clock.now():
            raise Refusal(400, "INVALID_DATE", "The emulator's clock only moves forward")
        clock.shift_to(moment)
        published = publish_due(self._state.connection, self._state.new_remote_id, clock.now())
        return {"now": show_instant(clock.now().timestamp()), "published": published}

    def _token(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        scopes = asked.get("scopes") or [EVERY_SCOPE]
        unknown = [scope for scope in scopes if scope not in {*SCOPES, EVERY_SCOPE}]
        if unknown:
            raise Refusal(400, "INVALID_FIELD", f"There is no scope {unknown[0]!r}")
        user = self._state.connection.execute("SELECT id FROM users LIMIT 1").fetchone()
        seconds = asked.get("expires_in")
        row = create_token(
            self._state,
            user["id"],
            name=str(asked.get("name") or "made on request"),
            scopes=scopes,
            expires_in=None if seconds is None else timedelta(seconds=float(seconds)),
        )
        return {"name": row["name"], "token": row["secret"], "scopes": list(scopes)}

    def _reset(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self._state.clear()
        seed_default(self._state)
        return self._status({})

    def _seed(self, _: Mapping[str, Any]) -> dict[str, Any]:
        if self._state.is_empty:
            seed_default(self._state)
        return self._status({})
