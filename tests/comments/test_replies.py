"""A reply is sent once: again, after a lost answer, with a key, by two at once."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from outreply_cli.api.client import Client
from outreply_cli.comments.replies import ReplyService, fill_template
from outreply_cli.comments.store import CommentStore
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError, OutReplyError
from tests.clocks import ManualClock


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[CommentStore]:
    with closing(CommentStore(tmp_path / "comments" / "comments.db", "account")) as memory:
        yield memory


@pytest.fixture
def commented(emulator: EmulatorServer, client: Client) -> str:
    """The id of a comment that nobody answered."""
    for post in client.published_posts().items:
        for one in client.comments(str(post["id"])).items:
            if one["replies_count"] == 0 and one["parent_id"] is None:
                return str(one["id"])
    raise AssertionError("the seed has none")


def replies_at(emulator: EmulatorServer, identity: str) -> list[str]:
    rows = emulator.state.connection.execute(
        "SELECT message FROM comments WHERE parent_id = ?", (identity,)
    )
    return [row[0] for row in rows]


def drop_answers(emulator: EmulatorServer, times: int) -> None:
    emulator._emulator._faults.add("drop-after", method="POST", path="/comments/reply", times=times)


def test_the_same_text_again_is_the_same_reply(
    client: Client, memory: CommentStore, emulator: EmulatorServer, commented: str
) -> None:
    replies = ReplyService(client, memory)
    first = replies.send(commented, "Thank you!")
    again = replies.send(commented, "Thank you!")
    assert (first.already_there, again.already_there) == (False, True)
    assert first.reply == again.reply
    assert replies_at(emulator, commented) == ["Thank you!"]
    replies.send(commented, "And welcome!")
    assert len(replies_at(emulator, commented)) == 2


def test_a_key_names_the_reply_whatever_its_text(
    client: Client, memory: CommentStore, emulator: EmulatorServer, commented: str
) -> None:
    replies = ReplyService(client, memory)
    replies.send(commented, "One", "welcome")
    assert replies.send(commented, "Two", "welcome").already_there
    assert replies_at(emulator, commented) == ["One"]


def test_a_reply_whose_answer_was_lost_is_not_sent_twice(
    client: Client, memory: CommentStore, emulator: EmulatorServer, commented: str
) -> None:
    drop_answers(emulator, 100)
    with pytest.raises(OutReplyError):
        ReplyService(client, memory).send(commented, "Thanks")
    emulator._emulator._faults.clear()
    ReplyService(client, memory).send(commented, "Thanks")
    assert replies_at(emulator, commented) == ["Thanks"]


def test_after_the_key_is_forgotten_the_reply_is_looked_for(
    client: Client,
    memory: CommentStore,
    emulator: EmulatorServer,
    emulator_clock: ManualClock,
    commented: str,
) -> None:
    drop_answers(emulator, 100)
    with pytest.raises(OutReplyError):
        ReplyService(client, memory).send(commented, "Thanks")
    emulator._emulator._faults.clear()
    emulator_clock.advance(2 * 86_400)
    client.me()
    with pytest.raises(OutReplyError, match="not known"):
        ReplyService(client, memory).send(commented, "Thanks")
    post = emulator.state.connection.execute(
        "SELECT post_id FROM comments WHERE id = ?", (commented,)
    ).fetchone()[0]
    memory.mark_seen(post, client.comments(post).items)
    assert ReplyService(client, memory).send(commented, "Thanks").already_there
    assert replies_at(emulator, commented) == ["Thanks"]


def test_two_machines_worth_of_memory_and_one_key_are_one_reply(
    client: Client, emulator: EmulatorServer, tmp_path: Path, commented: str
) -> None:
    for name in ("a", "b"):
        with closing(CommentStore(tmp_path / name / "comments.db", "account")) as memory:
            ReplyService(client, memory).send(commented, "Thanks")
    assert replies_at(emulator, commented) == ["Thanks"]


def test_a_refused_reply_is_forgotten(client: Client, memory: CommentStore) -> None:
    with pytest.raises(OutReplyError):
        ReplyService(client, memory).send("c_nobody", "Thanks")
    assert memory.replies() == []


@pytest.mark.parametrize("text", ["", "  \n", "x" * 5_001, "a\x00b", "a\ud800"])
def test_a_text_that_no_reply_can_have_is_refused(
    client: Client, memory: CommentStore, text: str
) -> None:
    with pytest.raises(InvalidInputError):
        ReplyService(client, memory).send("c_1", text)


def test_a_template_is_filled() -> None:
    comment = {"post_id": "p1", "author": {"name": "Jane", "username": "jane.doe"}}
    text = fill_template("Hi {author} (@{username}), {{see}} {post}", comment, {"permalink": "u"})
    assert text == "Hi Jane (@jane.doe), {see} u"
    for wrong in ("{nobody}", "{author.__class__}", "{}"):
        with pytest.raises(InvalidInputError):
            fill_template(wrong, comment, {})


@given(st.text(), st.text(), st.text())
def test_a_strangers_name_can_not_become_a_place(template: str, name: str, username: str) -> None:
    comment = {"author": {"name": name, "username": username}}
    try:
        filled = fill_template("{author}" + template.replace("{", "").replace("}", ""), comment, {})
    except InvalidInputError:
        raise AssertionError from None
    assert filled.startswith(name or username or "there")
