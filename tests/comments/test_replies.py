"""Replies that are sent once."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from outreply_cli.api.client import Client
from outreply_cli.comments.replies import ReplyOutcomeUnknownError, ReplyService, fill_template
from outreply_cli.comments.store import CommentStore, open_comments
from outreply_cli.emulator.incoming_comments import add_incoming_comment
from outreply_cli.emulator.scheduler import process_due
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.journal.store import Store
from outreply_cli.storage.postgres import PostgresDatabase
from outreply_cli.storage.team_schema import migrate
from tests.clocks import ManualClock
from tests.request_count import count_requests


@pytest.fixture(params=["machine", "team"])
def stores(
    tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[CommentStore, CommentStore]]:
    """The comments of one store, as two processes have them open."""
    url = None
    if request.param == "team":
        url = request.getfixturevalue("postgres_url")
        with closing(PostgresDatabase(url)) as database:
            migrate(database)
    where = Store(tmp_path / "comments", url)
    with (
        closing(open_comments(where, "account")) as first,
        closing(open_comments(where, "account")) as second,
    ):
        yield first, second


@pytest.fixture
def store(stores: tuple[CommentStore, CommentStore]) -> CommentStore:
    return stores[0]


@pytest.fixture
def unanswered_id(emulator: EmulatorServer, client: Client) -> str:
    """The ID of a comment without replies."""
    for post in client.published_posts().items:
        for comment in client.comments(str(post["id"])).items:
            if comment["replies_count"] == 0 and comment["parent_id"] is None:
                return str(comment["id"])
    raise AssertionError("no unanswered comment in the seed")


def stored_replies(emulator: EmulatorServer, comment_id: str) -> list[str]:
    rows = emulator.state.connection.execute(
        "SELECT message FROM comments WHERE parent_id = ?", (comment_id,)
    )
    return [row[0] for row in rows]


def drop_responses(emulator: EmulatorServer) -> None:
    options = {"method": "POST", "path": "/comments/reply", "times": 100}
    emulator.handle.request("fault", add="drop-after", options=options)


def test_same_text_is_sent_once(
    client: Client, store: CommentStore, emulator: EmulatorServer, unanswered_id: str
) -> None:
    service = ReplyService(client, store)
    first = service.send(unanswered_id, "Thank you!")
    second = service.send(unanswered_id, "Thank you!")
    assert (first.existed, second.existed) == (False, True)
    assert first.reply == second.reply
    assert stored_replies(emulator, unanswered_id) == ["Thank you!"]
    service.send(unanswered_id, "And welcome!")
    assert len(stored_replies(emulator, unanswered_id)) == 2


def test_same_key_is_sent_once(
    client: Client, store: CommentStore, emulator: EmulatorServer, unanswered_id: str
) -> None:
    service = ReplyService(client, store)
    service.send(unanswered_id, "One", "welcome")
    assert service.send(unanswered_id, "Two", "welcome").existed
    assert stored_replies(emulator, unanswered_id) == ["One"]


def test_lost_response_is_not_sent_again(
    client: Client, store: CommentStore, emulator: EmulatorServer, unanswered_id: str
) -> None:
    drop_responses(emulator)
    with pytest.raises(OutReplyError):
        ReplyService(client, store).send(unanswered_id, "Thanks")
    emulator.handle.request("fault", clear=None)
    ReplyService(client, store).send(unanswered_id, "Thanks")
    assert stored_replies(emulator, unanswered_id) == ["Thanks"]


def test_lost_response_after_key_expiry_is_found(
    client: Client,
    store: CommentStore,
    emulator: EmulatorServer,
    emulator_clock: ManualClock,
    unanswered_id: str,
) -> None:
    drop_responses(emulator)
    with pytest.raises(OutReplyError):
        ReplyService(client, store).send(unanswered_id, "Thanks")
    emulator.handle.request("fault", clear=None)
    emulator_clock.advance(2 * 86_400)
    client.me()
    with pytest.raises(OutReplyError, match="cannot determine"):
        ReplyService(client, store).send(unanswered_id, "Thanks")
    post = emulator.state.connection.execute(
        "SELECT post_id FROM comments WHERE id = ?", (unanswered_id,)
    ).fetchone()[0]
    store.mark_seen(post, client.comments(post).items)
    assert ReplyService(client, store).send(unanswered_id, "Thanks").existed
    assert stored_replies(emulator, unanswered_id) == ["Thanks"]


def test_separate_stores_send_once(
    client: Client, emulator: EmulatorServer, tmp_path: Path, unanswered_id: str
) -> None:
    for name in ("a", "b"):
        with closing(open_comments(Store(tmp_path / name), "account")) as store:
            ReplyService(client, store).send(unanswered_id, "Thanks")
    assert stored_replies(emulator, unanswered_id) == ["Thanks"]


def test_rejected_reply_is_deleted(client: Client, store: CommentStore) -> None:
    with pytest.raises(OutReplyError):
        ReplyService(client, store).send("c_unknown", "Thanks")
    assert store.replies() == []


class StoppedClient(Client):
    """The client of a process that is stopped once: when it is about to send a reply, or before."""

    def __init__(
        self, client: Client, while_stopped: Callable[[], object], at: str = "reply"
    ) -> None:
        super().__init__(client.transport)
        self._while_stopped, self._at = while_stopped, at

    def _stop(self, method: str) -> None:
        if method == self._at:
            self._at = ""
            self._while_stopped()

    def reply(self, *words: Any, **options: Any) -> Any:
        self._stop("reply")
        return super().reply(*words, **options)

    def now(self) -> datetime:
        self._stop("now")
        return super().now()


class KilledError(BaseException):
    """The end of a process."""


def kill() -> None:
    raise KilledError


def test_stopped_process_does_not_send_what_another_one_has_sent(
    client: Client,
    stores: tuple[CommentStore, CommentStore],
    emulator: EmulatorServer,
    emulator_clock: ManualClock,
    unanswered_id: str,
) -> None:
    first, second = stores
    sent = []

    def while_stopped() -> None:
        sent.append(ReplyService(client, second).send(unanswered_id, "Thanks"))
        emulator.state.connection.execute("DELETE FROM idempotency")
        emulator_clock.advance(3_600)
        client.me()

    stopped = ReplyService(StoppedClient(client, while_stopped), first)
    result = stopped.send(unanswered_id, "Thanks")
    assert result.reply == sent[0].reply
    assert stored_replies(emulator, unanswered_id) == ["Thanks"]
    assert [record.reply for record in first.replies(unanswered_id)] == [result.reply]


def test_stopped_process_sends_nothing_while_another_one_may_send(
    client: Client,
    stores: tuple[CommentStore, CommentStore],
    emulator: EmulatorServer,
    emulator_clock: ManualClock,
    unanswered_id: str,
) -> None:
    first, second = stores

    def while_stopped() -> None:
        emulator_clock.advance(60)
        client.me()
        with pytest.raises(KilledError):
            ReplyService(StoppedClient(client, kill), second).send(unanswered_id, "Thanks")

    stopped = ReplyService(StoppedClient(client, while_stopped), first)
    with pytest.raises(ReplyOutcomeUnknownError, match="another process is sending"):
        stopped.send(unanswered_id, "Thanks")
    assert stored_replies(emulator, unanswered_id) == []
    ReplyService(client, first).send(unanswered_id, "Thanks")
    assert stored_replies(emulator, unanswered_id) == ["Thanks"]


def test_refused_process_keeps_the_record_of_another_one(
    client: Client,
    stores: tuple[CommentStore, CommentStore],
    emulator: EmulatorServer,
    unanswered_id: str,
) -> None:
    first, second = stores
    sent = []

    def refuse() -> None:
        sent.append(ReplyService(client, second).send(unanswered_id, "Thanks"))
        raise OutReplyError("refused")

    with pytest.raises(OutReplyError, match="refused"):
        ReplyService(StoppedClient(client, refuse), first).send(unanswered_id, "Thanks")
    assert [record.reply for record in first.replies(unanswered_id)] == [sent[0].reply]


@pytest.mark.parametrize("at", ["now", "reply"], ids=["before its claim", "after its claim"])
def test_only_one_of_two_composed_replies_is_sent(
    client: Client,
    stores: tuple[CommentStore, CommentStore],
    emulator: EmulatorServer,
    unanswered_id: str,
    at: str,
) -> None:
    first, second = stores
    other = []

    def while_stopped() -> None:
        service = ReplyService(client, second)
        other.append(service.send(unanswered_id, "Composed second", is_composed=True))

    stopped = ReplyService(StoppedClient(client, while_stopped, at), first)
    result = stopped.send(unanswered_id, "Composed first", is_composed=True)
    assert result.reply == other[0].reply
    sent = "Composed second" if at == "now" else "Composed first"
    assert stored_replies(emulator, unanswered_id) == [sent]


@pytest.mark.parametrize("options", [{"key": "k"}, {"is_composed": True}])
def test_other_text_from_another_store_is_refused_with_the_same_key(
    client: Client,
    emulator: EmulatorServer,
    tmp_path: Path,
    unanswered_id: str,
    options: dict[str, Any],
) -> None:
    def send(name: str) -> None:
        with closing(open_comments(Store(tmp_path / name), "account")) as store:
            ReplyService(client, store).send(unanswered_id, name, **options)

    send("a")
    for _ in range(2):
        with pytest.raises(OutReplyError, match="may already have a reply") as caught:
            send("b")
        assert "key" not in caught.value.text
    assert stored_replies(emulator, unanswered_id) == ["a"]


@pytest.fixture
def post_id(emulator: EmulatorServer, unanswered_id: str) -> str:
    """The ID of the post of the comment without replies."""
    sql = "SELECT post_id FROM comments WHERE id = ?"
    return str(emulator.state.connection.execute(sql, (unanswered_id,)).fetchone()[0])


@pytest.fixture
def service(client: Client, store: CommentStore, post_id: str) -> ReplyService:
    """A service whose store knows the comments of the post."""
    store.mark_seen(post_id, client.comments(post_id).items)
    return ReplyService(client, store)


def add_child(emulator: EmulatorServer, post_id: str, parent_id: str, username: str) -> None:
    author = ("Somebody", username, f"From {username}")
    now = emulator.state.clock.now()
    # The emulator's worker thread, too, receives what is due.
    with emulator.state.transaction():
        add_incoming_comment(emulator.state, post_id, author, now.timestamp(), parent_id)
        process_due(emulator.state, now)


@pytest.mark.parametrize(
    ("change", "others"),
    [
        (None, 0),
        ("UPDATE comments SET author_username = ''", 1),
        ("UPDATE pages SET username = ''", 1),
        ("UPDATE tokens SET scopes = '[\"read:comments\"]'", 1),
        ('UPDATE tokens SET scopes = \'["read:comments", "read:posts"]\'', 1),
    ],
    ids=["known page", "unnamed authors", "unnamed page", "posts forbidden", "pages forbidden"],
)
def test_reply_of_another_user_counts_only_if_it_may_be_of_the_page(
    service: ReplyService,
    emulator: EmulatorServer,
    unanswered_id: str,
    post_id: str,
    *,
    change: str | None,
    others: int,
) -> None:
    sql = "SELECT p.username FROM pages p JOIN posts ON page_id = p.id WHERE posts.id = ?"
    page = str(emulator.state.connection.execute(sql, (post_id,)).fetchone()[0])
    add_child(emulator, post_id, unanswered_id, page)
    add_child(emulator, post_id, unanswered_id, "samlee")
    if change is not None:
        with emulator.state.transaction() as db:
            db.execute(change)
    texts = [reply.comment["message"] for reply in service.existing_replies(unanswered_id) or ()]
    assert sorted(texts) == sorted([f"From {page}", *["From samlee"] * others])


@pytest.mark.parametrize("scopes", ['["*"]', '["read:comments", "write:comments"]'])
def test_text_of_another_user_is_not_a_reply_of_the_page(
    service: ReplyService, emulator: EmulatorServer, unanswered_id: str, post_id: str, scopes: str
) -> None:
    add_child(emulator, post_id, unanswered_id, "samlee")
    with emulator.state.transaction() as db:
        db.execute("UPDATE tokens SET scopes = ?", (scopes,))
    existing = service.existing_replies(unanswered_id) or ()
    sent = service.send(unanswered_id, "From samlee", existing=existing)
    assert not sent.existed
    assert stored_replies(emulator, unanswered_id).count("From samlee") == 2


def test_existing_replies_are_read_only_as_far_as_necessary(
    service: ReplyService, emulator: EmulatorServer, unanswered_id: str, post_id: str
) -> None:
    def count() -> int:
        before = count_requests(emulator)
        service.existing_replies(unanswered_id)
        return count_requests(emulator) - before

    assert count() == 1
    add_child(emulator, post_id, unanswered_id, "samlee")
    assert count() == 4
    service.send(unanswered_id, "Thanks")
    assert count() == 0


@pytest.mark.parametrize("text", ["", "  \n", "x" * 5_001, "a\x00b", "a\ud800"])
def test_invalid_text_is_rejected(client: Client, store: CommentStore, text: str) -> None:
    with pytest.raises(InvalidInputError):
        ReplyService(client, store).send("c_1", text)


def test_fill_template_replaces_known_placeholders_and_rejects_others() -> None:
    comment = {"post_id": "p1", "author": {"name": "Jane", "username": "jane.doe"}}
    text = fill_template("Hi {author} (@{username}), {{see}} {post}", comment, {"permalink": "u"})
    assert text == "Hi Jane (@jane.doe), {see} u"
    for template in ("{unknown}", "{author.__class__}", "{}", "see {post}"):
        with pytest.raises(InvalidInputError):
            fill_template(template, comment, {})


@given(st.text(), st.text(), st.text())
def test_fill_template_ignores_braces_in_names(template: str, name: str, username: str) -> None:
    comment = {"author": {"name": name, "username": username}}
    try:
        filled = fill_template("{author}" + template.replace("{", "").replace("}", ""), comment, {})
    except InvalidInputError:
        raise AssertionError from None
    assert filled.startswith(name or username or "there")
