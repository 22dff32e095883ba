"""Plans of an agent: what it wants to send, who approved it, and the result."""

import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from outreply_cli.commands.mcp.tool_specs import CommandCall
from outreply_cli.errors import ExitCode, OutReplyError
from outreply_cli.ids import expand_id
from outreply_cli.storage.sqlite import FileSchema, file_lock
from outreply_cli.storage.tables import LocalTables

PLANS_FILE = "mcp.db"
# A plan expires after a day: the user might no longer approve it.
_EXPIRY = 86_400.0
# Older plans are deleted; none of them can be applied any longer.
_RETENTION = 90 * 86_400.0
_LOCK_SECONDS = 30.0
_STATEMENTS = """
CREATE TABLE plans (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, user TEXT NOT NULL, created_at REAL NOT NULL,
    command TEXT NOT NULL, words TEXT NOT NULL, stdin TEXT NOT NULL, preview TEXT NOT NULL,
    pages TEXT NOT NULL, state TEXT NOT NULL, decided_by TEXT, started_at REAL, result TEXT
);
CREATE INDEX plans_started ON plans (started_at) WHERE started_at IS NOT NULL;
"""
_SCHEMA = FileSchema("the plans database", _STATEMENTS, version=1, durable=True)


class PlanState(StrEnum):
    """State of a plan."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class PlanNotFoundError(OutReplyError):
    """No plan has that ID."""

    code = "NOT_FOUND"
    exit_code = ExitCode.NOT_FOUND


class PlanStateError(OutReplyError):
    """The plan's state does not allow the operation."""

    code = "PLAN_STATE"


@dataclass(frozen=True)
class AgentPlan:
    """A write that an agent proposed.

    Attributes:
        account: Digest of the account that it was made for.
        user: Name of the account for people.
        preview: Output of the dry run of the command; None if it has none.
        pages: IDs of the pages that it changes; None if unknown.
        decided_by: User of this machine who approved or rejected it; None until then.
        result: Output of the command; None until it has run.
    """

    id: str
    account: str
    user: str
    created_at: float
    call: CommandCall
    preview: Any
    pages: Sequence[str] | None
    state: PlanState
    decided_by: str | None = None
    result: Any = None

    @property
    def size(self) -> int:
        """Number of posts and replies that it sends, changes or cancels."""
        return sum(row.get("action") != "keep" for row in preview_rows(self.preview))

    def state_at(self, now: float) -> PlanState:
        """The state; a plan that was not applied within a day has expired."""
        is_open = self.state in {PlanState.PROPOSED, PlanState.APPROVED}
        return PlanState.EXPIRED if is_open and self.is_old(now) else self.state

    def is_old(self, now: float) -> bool:
        """Whether the plan is more than a day old."""
        return now - self.created_at > _EXPIRY

    def as_dict(self, now: float) -> dict[str, Any]:
        """The JSON object of a plan."""
        return {
            "id": self.id,
            "state": str(self.state_at(now)),
            "account": self.user,
            "command": self.call.command,
            "arguments": self.call.arguments,
            "calendar": self.call.stdin or None,
            "preview": self.preview,
            "created_at": datetime.fromtimestamp(self.created_at, UTC).isoformat(),
            "decided_by": self.decided_by,
            "result": self.result,
        }


class PlanStore:
    """The plans of this machine; every method raises StorageError if the file cannot be used."""

    def __init__(self, path: Path, *, allow_readonly: bool = False) -> None:
        self._tables = LocalTables(path, _SCHEMA, allow_readonly=allow_readonly)
        self._lock_path = path.with_suffix(".lock")

    def close(self) -> None:
        """Close the file."""
        self._tables.close()

    def add(
        self,
        account: str,
        user: str,
        call: CommandCall,
        *,
        preview: Any,
        pages: Sequence[str] | None,
        now: float,
    ) -> AgentPlan:
        """Store a new plan, and delete plans that are months old."""
        self._tables.rows("DELETE FROM plans WHERE created_at < ?", (now - _RETENTION,))
        plan_id = secrets.token_hex(6)
        plan = AgentPlan(plan_id, account, user, now, call, preview, pages, PlanState.PROPOSED)
        self._tables.rows(
            "INSERT INTO plans (id, account, user, created_at, command, words, stdin, preview, "
            "pages, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                plan.id, account, user, now, call.command, json.dumps(list(call.words)), call.stdin,
                json.dumps(preview), json.dumps(pages), plan.state,
            ),
        )  # fmt: skip
        return plan

    def get(self, word: str) -> AgentPlan:
        """Return the plan whose ID starts with `word`.

        Raises:
            AmbiguousIdError: Several IDs start with it.
            PlanNotFoundError: None does.
        """
        ids = [row["id"] for row in self._tables.rows("SELECT id FROM plans", ())]
        plan_id = expand_id(word, dict.fromkeys(ids, ""), "plan")
        rows = self._tables.rows("SELECT * FROM plans WHERE id = ?", (plan_id,))
        if not rows:
            raise PlanNotFoundError(f"plan not found: {word}", hint="See: outreply mcp plans")
        with self._tables.wrap_errors():
            return _from_row(rows[0])

    def list(self, *, limit: int) -> list[AgentPlan]:
        """Return plans, newest first."""
        rows = self._tables.rows("SELECT * FROM plans ORDER BY created_at DESC LIMIT ?", (limit,))
        with self._tables.wrap_errors():
            return [_from_row(row) for row in rows]

    def decide(self, plan: AgentPlan, state: PlanState, user: str, now: float) -> None:
        """Approve or reject a plan; raises what `check_open` raises."""
        check_open(plan, state, now)
        with self._tables.change() as db:
            changed = db.execute(
                "UPDATE plans SET state = ?, decided_by = ? WHERE id = ? AND state = ?",
                (state, user, plan.id, plan.state),
            ).rowcount
        if not changed:
            check_open(self.get(plan.id), state, now)

    @contextmanager
    def applying(self) -> Iterator[None]:
        """Let no other call, of this server or another, apply a plan while the block runs.

        Raises:
            PlanStateError: Another call is applying one.
        """
        with ExitStack() as stack:
            with self._tables.wrap_errors():
                try:
                    stack.enter_context(file_lock(self._lock_path, wait=_LOCK_SECONDS))
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error):
                        raise
                    raise PlanStateError(
                        "another plan is being applied", hint="Call plan_apply again later."
                    ) from None
            yield

    def start(self, plan: AgentPlan, now: float, *, per_day: int | None) -> bool:
        """Note that a plan is being applied; False if the limit of a day is reached.

        Args:
            plan: The plan, approved or within the limits of the server.
            now: Time of this machine.
            per_day: Maximum posts and replies in 24 hours without an approval; None if approved.

        Raises:
            PlanStateError: Another call has started it.
        """
        with self._tables.change() as db:
            if per_day is not None:
                rows = db.execute(
                    "SELECT * FROM plans WHERE started_at > ? AND decided_by IS NULL",
                    (now - 86_400,),
                )
                if sum(_from_row(row).size for row in rows) + plan.size > per_day:
                    return False
            changed = db.execute(
                "UPDATE plans SET state = ?, started_at = ? WHERE id = ? AND state = ?",
                (PlanState.RUNNING, now, plan.id, plan.state),
            )
            if not changed.rowcount:
                raise PlanStateError(
                    f"plan {plan.id} was started by another call", hint="See: plan_show"
                )
            return True

    def finish(
        self, plan: AgentPlan, state: PlanState, result: Any, *, has_sent_nothing: bool = False
    ) -> None:
        """Store the result of a plan; one that has sent nothing does not count for its day."""
        self._tables.rows(
            "UPDATE plans SET state = ?, result = ?, started_at = iif(?, NULL, started_at) "
            "WHERE id = ?",
            (state, json.dumps(result), has_sent_nothing, plan.id),
        )


def check_open(plan: AgentPlan, decision: PlanState, now: float) -> None:
    """Raise PlanStateError unless a plan can be approved or rejected.

    A rejection can withdraw an approval, and keep an interrupted plan from being applied again.
    """
    state = plan.state_at(now)
    if decision is PlanState.REJECTED and state in {PlanState.APPROVED, PlanState.RUNNING}:
        return
    if state is PlanState.EXPIRED:
        raise PlanStateError(
            f"plan {plan.id} has expired: it is more than a day old",
            hint="Ask the agent to make a new one.",
        )
    if state is not PlanState.PROPOSED:
        raise PlanStateError(f"plan {plan.id} is {state}", hint="See: outreply mcp plans")


def _from_row(row: Mapping[str, Any]) -> AgentPlan:
    call = CommandCall(row["command"], json.loads(row["words"]), row["stdin"])
    return AgentPlan(
        row["id"], row["account"], row["user"], row["created_at"], call,
        json.loads(row["preview"]), json.loads(row["pages"]), PlanState(row["state"]),
        row["decided_by"], None if row["result"] is None else json.loads(row["result"]),
    )  # fmt: skip


def get_page_ids(preview: Any) -> Sequence[str] | None:
    """The IDs of the pages in what a dry run printed; None if a post has none."""
    rows = preview_rows(preview)
    # The posts that a calendar replaces or cancels.
    old = [row["old_post"] for row in rows if "old_post" in row]
    # In the order of the posts, which must be the same when the plan is applied.
    pages = list(dict.fromkeys(row.get("page_id") for row in [*rows, *old]))
    return None if not pages or None in pages else [str(page) for page in pages]


def preview_rows(preview: Any) -> list[dict[str, Any]]:
    """The objects that a dry run printed: a list, the rows of a report, or a single one."""
    if isinstance(preview, Mapping):
        preview = preview.get("rows", [preview])
    return preview if isinstance(preview, list) else []
