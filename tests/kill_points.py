"""A journal and a client that report each step of a post, so that tests can stop a run there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Unpack

from outreply_cli.api.client import Client, CreatedPost
from outreply_cli.api.transport import Conditions, Find, Transport
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import JournalEntry, JournalEntryDraft

OnStep = Callable[[str], None]


class SteppingJournal(Journal):
    """A journal that calls `on_step` before and after it is written."""

    def __init__(self, path: Path, on_step: OnStep) -> None:
        super().__init__(path)
        self._on_step = on_step

    def record_planned(
        self, drafts: Sequence[JournalEntryDraft], *, claim: bool = False
    ) -> list[JournalEntry]:
        entries = super().record_planned(drafts, claim=claim)
        if claim:
            self._on_step("after claim")
        return entries

    def mark_sent(self, entry: JournalEntry, now: datetime, token: str) -> None:
        self._on_step("before sent")
        super().mark_sent(entry, now, token)
        self._on_step("after sent")

    def mark_unsent(self, entry: JournalEntry, key: str | None = None) -> None:
        self._on_step("before unsent")
        super().mark_unsent(entry, key)
        self._on_step("after unsent")

    def mark_failed(
        self,
        entry: JournalEntry,
        code: str,
        error: str,
        *,
        instead: JournalEntryDraft | None = None,
    ) -> None:
        self._on_step("before failed")
        super().mark_failed(entry, code, error, instead=instead)
        self._on_step("after failed")

    def mark_replacing(self, entry: JournalEntry) -> None:
        self._on_step("before replacing")
        super().mark_replacing(entry)
        self._on_step("after replacing")

    def mark_done(self, entry: JournalEntry, post_id: str) -> None:
        super().mark_done(entry, post_id)
        self._on_step("after done")

    def mark_cancelling(self, entry: JournalEntry) -> None:
        self._on_step("before cancelling")
        super().mark_cancelling(entry)

    def mark_cancelled(self, entry: JournalEntry) -> None:
        super().mark_cancelled(entry)
        self._on_step("after cancelled")


class SteppingClient(Client):
    """A client that calls `on_step` before and after it writes."""

    def __init__(self, transport: Transport, on_step: OnStep) -> None:
        super().__init__(transport)
        self._on_step = on_step

    def schedule(
        self,
        post: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        **conditions: Unpack[Conditions],
    ) -> CreatedPost:
        created = super().schedule(post, idempotency_key=idempotency_key, **conditions)
        self._on_step("after request")
        return created

    def publish(
        self,
        post: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        **conditions: Unpack[Conditions],
    ) -> CreatedPost:
        created = super().publish(post, idempotency_key=idempotency_key, **conditions)
        self._on_step("after request")
        return created

    def cancel(
        self, post_id: str, *, idempotency_key: str | None = None, find: Find | None = None
    ) -> None:
        self._on_step("before delete")
        super().cancel(post_id, idempotency_key=idempotency_key, find=find)
        self._on_step("after delete")
