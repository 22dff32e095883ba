"""Bugs that were once in the product, or could be, and that the simulation must find.

Each is a change of product code, made while a block runs.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from outreply_cli.api import resend, transport
from outreply_cli.bulk import ambiguities, remote_state, service
from outreply_cli.bulk.calendar import Calendar
from outreply_cli.journal.journal import Journal
from outreply_cli.posts import sender

_KEYS = "outreply_cli.bulk.matching.idempotency_key"
PlantedBug = Callable[[], AbstractContextManager[Any]]


@contextmanager
def repeat_after_a_day() -> Iterator[None]:
    """A request is repeated with its key however old the first attempt is."""
    with (
        patch.object(resend, "is_key_remembered", lambda _: True),
        patch.object(transport, "is_key_remembered", lambda _: True),
    ):
        yield


@contextmanager
def repeat_by_another_token() -> Iterator[None]:
    """A request is repeated with its key by any token of the account."""
    with patch.object(transport.Transport, "token_digest", "any"):
        yield


@contextmanager
def trust_cut_off_lists() -> Iterator[None]:
    """Posts missing from a truncated list are treated as nonexistent."""
    find, fetch = sender.find_created_post, remote_state.fetch_remote_state

    def find_anyway(*args: Any) -> tuple[str | None, bool]:
        return find(*args)[0], False

    def fetch_anyway(*args: Any) -> remote_state.RemoteState:
        return replace(fetch(*args), truncated_pages=frozenset())

    with (
        patch.object(sender, "find_created_post", find_anyway),
        patch.object(service, "fetch_remote_state", fetch_anyway),
    ):
        yield


@contextmanager
def keys_without_revision() -> Iterator[None]:
    """The key of a row is the same when it returns to an earlier text, and replays are accepted."""

    def make_key(account: str, calendar: str, row: str, fingerprint: str, _: int) -> str:
        return sender.idempotency_key(account, calendar, row, fingerprint, 1)

    with patch(_KEYS, make_key), count_replays():
        yield


@contextmanager
def keys_with_path() -> Iterator[None]:
    """The key of a row depends on the path of its file."""
    open_calendar, local = service.BulkService.open, threading.local()

    def open_here(self: service.BulkService, calendar: Calendar) -> service.OpenCalendar:
        local.path = str(calendar.path)
        return open_calendar(self, calendar)

    def make_key(account: str, calendar: str, row: str, fingerprint: str, generation: int) -> str:
        row_with_path = f"{row} in {local.path}"
        return sender.idempotency_key(account, calendar, row_with_path, fingerprint, generation)

    with patch.object(service.BulkService, "open", open_here), patch(_KEYS, make_key):
        yield


@contextmanager
def ignore_lag() -> Iterator[None]:
    """A post missing from a list a second later is treated as nonexistent."""
    with (
        patch.object(resend, "LIST_LAG", timedelta(0)),
        patch.object(sender, "LIST_LAG", timedelta(0)),
    ):
        yield


@contextmanager
def count_replays() -> Iterator[None]:
    """A replayed response counts as sent, although its post was cancelled since."""
    with patch.object(sender.Sender, "exists", lambda *_: True):
        yield


@contextmanager
def create_beside_similar_posts() -> Iterator[None]:
    """A row is created although an earlier version of it may be scheduled."""
    find = ambiguities.find_ambiguities

    def find_exact(*args: Any, **options: Any) -> Any:
        found = find(*args, **options)
        return {index: ambiguity for index, ambiguity in found.items() if ambiguity.is_exact}

    with patch.object(service, "find_ambiguities", find_exact):
        yield


@contextmanager
def forget_intent() -> Iterator[None]:
    """The journal does not say that a request is about to be sent."""
    with patch.object(Journal, "mark_sent", lambda *_: None):
        yield


@contextmanager
def cancel_before_create() -> Iterator[None]:
    """The old post of a row is cancelled before the new one is created."""
    send = sender.Sender.send

    def send_afterwards(self: sender.Sender, entry: Any) -> sender.SendResult:
        if entry.replaces is not None:
            old = self._journal.entry(entry.replaces)
            if old.state == "done":
                self.cancel(old)
        return send(self, entry)

    with patch.object(sender.Sender, "send", send_afterwards):
        yield


PLANTED_BUGS: dict[str, PlantedBug] = {
    bug.__name__: bug
    for bug in (
        repeat_after_a_day,
        repeat_by_another_token,
        trust_cut_off_lists,
        keys_without_revision,
        keys_with_path,
        ignore_lag,
        count_replays,
        create_beside_similar_posts,
        forget_intent,
        cancel_before_create,
    )
}


@contextmanager
def plant_bug(name: str | None) -> Iterator[None]:
    """Plant a bug while the block runs; nothing if `name` is None."""
    with ExitStack() as stack:
        if name is not None:
            stack.enter_context(PLANTED_BUGS[name]())
        yield
