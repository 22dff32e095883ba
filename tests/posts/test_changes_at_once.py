"""Changes of one post by two machines of a team."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.api.client import Client
from outreply_cli.api.errors import NotFoundError
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.locks import CalendarBusyError
from outreply_cli.journal.models import JournalEntryDraft
from outreply_cli.journal.store import Store
from outreply_cli.posts.content import PostContent
from outreply_cli.posts.service import PostChangedError, PostService
from tests.clocks import ManualClock
from tests.postgres import open_migrated

CHANGES = "posts edit or reschedule"
RUN = "name:spring"


class WaitingClock(ManualClock):
    """A clock that calls `on_wait` when a command waits for the first time."""

    on_wait: Callable[[], None] | None = None

    def sleep(self, seconds: float) -> None:
        action, self.on_wait = self.on_wait, None
        if action is not None:
            action()
        super().sleep(seconds)


class Team:
    """A command that is about to change a post, and another machine that does so first."""

    def __init__(self, client: Client, url: str, root: Path) -> None:
        self.client, self.clock = client, WaitingClock()
        self.account = account_fingerprint(client)
        self.journal = open_migrated(url)
        self.posts = PostService(client, Store(root / "one", url, clock=self.clock), print)
        self.other = PostService(client, Store(root / "two", url), print)
        page = client.pages(platform="facebook").items[0]
        self.at = client.now().replace(microsecond=0) + timedelta(days=20)
        content = PostContent(message="Hi")
        made = self.other.post(page, content, scheduled_at=self.at, dedupe_key=None)
        assert made.post is not None
        self.page, self.post_id = page, str(made.post["id"])

    @property
    def scheduled_ids(self) -> set[str]:
        return {str(post["id"]) for post in self.client.scheduled_posts().items}

    def hold(self, calendar: str) -> AbstractContextManager[None]:
        return self.journal.lock(self.account, calendar, wait=0)

    def draft(self, calendar: str, **values: Any) -> JournalEntryDraft:
        fields = {"generation": 1, "scheduled_at": self.at, **values}
        return JournalEntryDraft(
            account=self.account, calendar=calendar, row="key:a", page_id=str(self.page["id"]),
            body={"message": "Hi", "page_id": self.page["id"]}, fingerprint="f",
            idempotency_key=f"key {fields['generation']}", **fields,
        )  # fmt: skip


@pytest.fixture
def team(
    client: Client, emulator: EmulatorServer, postgres_url: str, tmp_path: Path
) -> Iterator[Team]:
    team = Team(client, postgres_url, tmp_path)
    with closing(team.journal):
        yield team


def act_while_waiting(team: Team, calendar: str, action: Callable[[], None]) -> None:
    """Hold a calendar until the command waits for it, then release it and do `action`."""
    lock = team.hold(calendar)
    lock.__enter__()

    def on_wait() -> None:
        lock.__exit__(None, None, None)
        action()

    team.clock.on_wait = on_wait


@pytest.mark.parametrize("change", ["reschedule", "edit"])
def test_post_that_a_calendar_adopts_in_the_meantime_is_unchanged(team: Team, change: str) -> None:
    ids, post = team.scheduled_ids, team.client.scheduled_post(team.post_id)
    (editable,) = team.posts.read_for_edit([post])
    lock = team.hold(RUN)

    def adopt() -> None:
        lock.__enter__()
        team.journal.adopt(team.draft(RUN), team.post_id)

    act_while_waiting(team, CHANGES, adopt)
    if change == "reschedule":
        with pytest.raises(CalendarBusyError):
            team.posts.reschedule(team.post_id, team.at + timedelta(days=1))
    else:
        with pytest.raises(PostChangedError):
            team.posts.edit(editable, {**editable.body, "message": "Hello"})
    assert team.scheduled_ids == ids
    assert len(team.journal.rows(team.account, RUN)) == 1
    lock.__exit__(None, None, None)


def test_concurrent_equal_moves_make_one_post(team: Team) -> None:
    new_time = team.at + timedelta(days=1)
    moved: list[Any] = []
    act_while_waiting(
        team, CHANGES, lambda: moved.append(team.other.reschedule(team.post_id, new_time).post)
    )
    result = team.posts.reschedule(team.post_id, new_time)
    assert result.post is not None
    assert [post["id"] for post in moved] == [result.post["id"]]


def test_cancellation_waits_for_a_move(team: Team) -> None:
    moved: list[Any] = []
    act_while_waiting(
        team, CHANGES,
        lambda: moved.append(team.other.reschedule(team.post_id, team.at + timedelta(days=1)).post),
    )  # fmt: skip
    # It must not report success while the post goes out at another time.
    with pytest.raises(NotFoundError):
        team.posts.cancel(team.post_id)
    assert str(moved[0]["id"]) in team.scheduled_ids


@pytest.mark.parametrize("is_replaced", [False, True])
def test_cancellation_does_not_wait_for_a_run(team: Team, is_replaced: bool) -> None:
    with team.hold(RUN):
        old = team.journal.adopt(team.draft(RUN), team.post_id)
        if is_replaced:
            team.journal.record_planned([team.draft(RUN, generation=2, replaces=old.id)])
            with pytest.raises(PostChangedError, match="is about to replace it"):
                team.posts.cancel(team.post_id)
        else:
            team.posts.cancel(team.post_id)
    assert team.post_id not in team.scheduled_ids
    assert team.journal.entry(old.id).state == "cancelled"


def test_concurrent_equal_retries_make_one_post(team: Team) -> None:
    content = PostContent(message="Again")
    sent: list[Any] = []
    words: dict[str, Any] = {
        "scheduled_at": team.at + timedelta(days=2),
        "dedupe_key": "retry of 1",
    }
    act_while_waiting(
        team, "posts --key retry of 1",
        lambda: sent.append(team.other.post(team.page, content, **words)),
    )  # fmt: skip
    result = team.posts.post(team.page, content, **words)
    assert result.existed
    assert result.post is not None
    assert [other.post["id"] for other in sent if other.post] == [result.post["id"]]
