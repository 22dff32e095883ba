"""Plans of an agent: what it wants to send, who approved it, and what came of it."""

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from outreply_cli.commands.mcp.tool_specs import CommandCall
from outreply_cli.errors import ExitCode, OutReplyError
from outreply_cli.storage.sqlite import open_database, transaction, wrap_storage_errors

PLANS_FILE = "mcp.db"
# What was planned may no longer be what a person would approve.
EXPIRY_SECONDS = 86_400.0
_SCHEMA = """
CREATE TABLE plans (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, created_at REAL NOT NULL, command TEXT NOT NULL,
    words TEXT NOT NULL, stdin TEXT NOT NULL, preview TEXT NOT NULL, pages TEXT NOT NULL,
    state TEXT NOT NULL, approved_by TEXT, started_at REAL, result TEXT
);
CREATE INDEX plans_started ON plans (started_at) WHERE started_at IS NOT NULL;
"""


class PlanState(StrEnum):
    """State of a plan."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class PlanNotFoundError(OutReplyError):
    """No plan has that ID."""

    code = "NOT_FOUND"
    exit_code = ExitCode.NOT_FOUND


class PlanStateError(OutReplyError):
    """The plan is in a state in which that is not possible."""

    code = "PLAN_STATE"


@dataclass(frozen=True)
class Plan:
    """A write that an agent proposed.

    Attributes:
        account: Digest of the account that it was made for.
        preview: What the command showed that it would do; None if it cannot show it.
        pages: IDs of the pages that it changes; None if unknown.
        approved_by: User of this machine who approved it; None if not approved.
        result: What the command printed; None before.
    """

    id: str
    account: str
    created_at: float
    call: CommandCall
    preview: Any
    pages: Sequence[str] | None
    state: PlanState
    approved_by: str | None = None
    result: Any = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of a plan."""
        return {
            "id": self.id,
            "state": str(self.state),
            "command": self.call.command,
            "arguments": [
                word for word in self.call.words[len(self.call.command.split()) :] if word != "--"
            ],
            "calendar": self.call.stdin or None,
            "preview": self.preview,
            "created_at": datetime.fromtimestamp(self.created_at, UTC).isoformat(),
            "approved_by": self.approved_by,
            "result": self.result,
        }


class PlanStore:
    """The plans of this machine; every method raises StorageError if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._storage_errors():
            self._db = open_database(path, _SCHEMA, version=1, durable=True)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(
        self,
        account: str,
        call: CommandCall,
        *,
        preview: Any,
        pages: Sequence[str] | None,
        now: float,
    ) -> Plan:
        """Store a plan."""
        plan = Plan(secrets.token_hex(6), account, now, call, preview, pages, PlanState.PROPOSED)
        with self._storage_errors():
            self._db.execute(
                "INSERT INTO plans (id, account, created_at, command, words, stdin, preview, "
                "pages, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    plan.id, account, now, call.command, json.dumps(list(call.words)), call.stdin,
                    json.dumps(preview), json.dumps(pages), plan.state,
                ),
            )  # fmt: skip
        return plan

    def get(self, plan_id: str) -> Plan:
        """Return a plan; raises PlanNotFoundError."""
        with self._storage_errors():
            row = self._db.execute("SELECT * FROM plans WHERE id = ?", (plan_id,)).fetchone()
        if row is None:
            raise PlanNotFoundError(f"plan not found: {plan_id}", hint="See: outreply mcp plans")
        return _from_row(row)

    def list(self, *, limit: int) -> list[Plan]:
        """Return plans, newest first."""
        with self._storage_errors():
            rows = self._db.execute(
                "SELECT * FROM plans ORDER BY created_at DESC LIMIT ?", (limit,)
            ).fetchall()
        return [_from_row(row) for row in rows]

    def decide(self, plan: Plan, state: PlanState, user: str, now: float) -> None:
        """Approve or reject a plan.

        Raises:
            PlanStateError: It is not a proposal any more, or too old.
        """
        if now - plan.created_at > EXPIRY_SECONDS:
            raise PlanStateError(
                f"plan {plan.id} has expired: it is more than a day old",
                hint="Let the agent make a new one.",
            )
        with self._storage_errors():
            changed = self._db.execute(
                "UPDATE plans SET state = ?, approved_by = ? WHERE id = ? AND state = ?",
                (state, user, plan.id, PlanState.PROPOSED),
            )
        if not changed.rowcount:
            state = self.get(plan.id).state
            raise PlanStateError(f"plan {plan.id} is {state}", hint="See: outreply mcp plans")

    def start(self, plan: Plan, now: float, *, per_day: int | None) -> bool:
        """Note that a plan is carried out; False if the limit of a day is reached.

        Args:
            plan: The plan, approved or within the limits of the server.
            now: Time of this machine.
            per_day: Most plans in 24 hours that run without an approval; None if it is approved.

        Raises:
            PlanStateError: Another call has started it.
        """
        with self._storage_errors(), transaction(self._db) as db:
            if per_day is not None:
                row = db.execute(
                    "SELECT count(*) AS count FROM plans "
                    "WHERE started_at > ? AND approved_by IS NULL",
                    (now - 86_400,),
                ).fetchone()
                if row["count"] >= per_day:
                    return False
            changed = db.execute(
                "UPDATE plans SET state = ?, started_at = ? WHERE id = ? AND state = ?",
                (PlanState.RUNNING, now, plan.id, plan.state),
            )
            if not changed.rowcount:
                raise PlanStateError(f"plan {plan.id} was started by another call")
            return True

    def finish(self, plan: Plan, state: PlanState, result: Any) -> None:
        """Store the result of a plan."""
        with self._storage_errors():
            self._db.execute(
                "UPDATE plans SET state = ?, result = ? WHERE id = ?",
                (state, json.dumps(result), plan.id),
            )

    def _storage_errors(self) -> Any:
        return wrap_storage_errors(
            f"the plans in {self._path}",
            hint="Set OUTREPLY_STATE_DIR to a directory you can write to.",
        )


def _from_row(row: sqlite3.Row) -> Plan:
    result = None
    with suppress(TypeError):
        result = json.loads(row["result"])
    call = CommandCall(row["command"], json.loads(row["words"]), row["stdin"])
    return Plan(
        row["id"], row["account"], row["created_at"], call, json.loads(row["preview"]),
        json.loads(row["pages"]), PlanState(row["state"]), row["approved_by"], result,
    )  # fmt: skip


def pages_of(preview: Any) -> Sequence[str] | None:
    """The IDs of the pages in what a dry run printed; None if a post has none."""
    rows = preview.get("rows") if isinstance(preview, Mapping) else preview
    if not isinstance(rows, list) or not rows:
        return None
    pages = {row.get("page_id") if isinstance(row, Mapping) else None for row in rows}
    return None if None in pages else sorted(map(str, pages))
