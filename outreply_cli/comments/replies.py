"""A reply, sent once: after a lost answer, a kill, by two processes (reference: Idempotency)."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from outreply_cli.api.client import Client
from outreply_cli.comments.store import CommentStore, SentReply
from outreply_cli.comments.threads import Comment, created_at, get_author
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.spec.limits import IDEMPOTENCY_KEY_LIFETIME, MESSAGE_MAX_CHARACTERS
from outreply_cli.spec.text import text_problem

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
# Near its end the server may have forgotten a key by the time that the request arrives.
_KEY_MARGIN = timedelta(minutes=10)


class AmbiguousReplyError(OutReplyError):
    """Whether an earlier reply arrived can't be told."""

    code = "REPLY_UNDECIDED"


@dataclass(frozen=True)
class ReplyResult:
    """How it went; `already_there` where it had been sent before."""

    reply: dict[str, Any]
    already_there: bool


@dataclass(frozen=True)
class ExistingReply:
    """An answer that a comment has: its text, and when it was written."""

    message: str
    at: datetime


class ReplyService:
    """Sends an account's replies.

    Args:
        client: The account's client.
        memory: What was answered from here.
    """

    def __init__(self, client: Client, memory: CommentStore) -> None:
        self._client, self._memory = client, memory

    def replies_to(self, identity: str) -> list[ExistingReply]:
        """What a comment was answered with, as far as can be told, the latest last.

        Costs one read where the comment's post is known.
        """
        sent = [
            ExistingReply(known.message, datetime.fromtimestamp(known.sent_at, UTC))
            for known in self._memory.replies(identity)
            if known.reply
        ]
        seen = self._memory.comment(identity)
        if sent or seen is None:
            return sent
        listed = self._client.comments(str(seen["post_id"])).items
        below = [one for one in listed if one.get("parent_id") == identity]
        return sorted(
            (ExistingReply(str(one.get("message")), created_at(one)) for one in below),
            key=lambda given: given.at,
        )

    def send(self, identity: str, message: str, occasion: str | None = None) -> ReplyResult:
        """Answer a comment.

        Args:
            identity: The comment's id.
            message: At most 5,000 characters.
            occasion: Names the reply: the same one again is the same reply. By default the text
                does.

        Raises:
            UndecidedReplyError: An earlier try of the same may have arrived, and can't be found.
            OutReplyError: What `Client.reply` raises; where the reply may have arrived all the
                same, it says so.
        """
        check_reply(message)
        named = f"key {occasion}" if occasion is not None else f"text {_digest(message)}"
        known = self._memory.reply_for(identity, named)
        if known is not None and known.reply is not None:
            return ReplyResult(known.reply, already_there=True)
        now = self._client.now()
        if known is None:
            # Of comment and occasion alone: two processes that send the same send it once.
            key = f"outreply-reply-{_digest(identity, named)}"
        else:
            found = self._look_for(known)
            if found is not None:
                self._memory.record_reply(identity, named, found)
                return ReplyResult(found, already_there=True)
            # The same key and the same text: the server tells the same request from another one.
            message, key = known.message, known.idempotency_key
        self._memory.record_intent(identity, named, message, key=key, now=_first_sent(known, now))
        try:
            reply = self._client.reply(identity, message, idempotency_key=key)
        except OutReplyError as error:
            if not error.maybe_applied and known is None:
                self._memory.record_reply(identity, named, None)
            if error.maybe_applied:
                error.message = (
                    f"{error.message.rstrip('.')}; the reply may have been sent all the same"
                )
                error.hint = "Run the same again: it finds that reply, and sends no second one."
            raise
        self._memory.record_reply(identity, named, reply)
        return ReplyResult(reply, already_there=False)

    def _look_for(self, known: SentReply) -> dict[str, Any] | None:
        began = datetime.fromtimestamp(known.sent_at, UTC)
        if self._client.now() - began < IDEMPOTENCY_KEY_LIFETIME - _KEY_MARGIN:
            return None
        seen = self._memory.comment(known.comment_id)
        if seen is None:
            raise AmbiguousReplyError(
                f"whether an earlier reply to {known.comment_id} arrived is not known",
                hint="List its post's comments first: outreply comments list POST",
            )
        for one in self._client.comments(str(seen["post_id"])).items:
            is_same = one.get("message") == known.message
            if one.get("parent_id") == known.comment_id and is_same:
                return dict(one)
        return None


def check_reply(message: str) -> None:
    """Raise InvalidInputError for a text that no reply can have."""
    if not message.strip():
        raise InvalidInputError("the reply is empty", hint="Give it with -m, -F or --edit.")
    wrong = text_problem(message)
    if wrong is not None:
        raise InvalidInputError(f"the reply can't be sent: {wrong}")
    if len(message) > MESSAGE_MAX_CHARACTERS:
        raise InvalidInputError(
            f"the reply has {len(message):,} characters, and the most is "
            f"{MESSAGE_MAX_CHARACTERS:,}",
            hint="Shorten it.",
        )


def fill_template(template: str, comment: Comment, post: Mapping[str, Any]) -> str:
    """A reply from a template with `{author}`, `{username}` and `{post}`; `{{` is a brace.

    Args:
        template: The text.
        comment: What it answers.
        post: The comment's post, as far as it is known: `{post}` is its address, else its id.

    Raises:
        InvalidInputError: It names something else.
    """
    author = get_author(comment)
    username = str(author.get("username") or "")
    values = {
        "author": str(author.get("name") or username or "there"),
        "username": username,
        "post": str(post.get("permalink") or comment.get("post_id") or ""),
    }

    def value(found: re.Match[str]) -> str:
        if found[0] in {"{{", "}}"}:
            return found[0][0]
        if found[1] not in values:
            raise InvalidInputError(
                f"--template: there is no {found[0]}",
                hint="It knows {author}, {username} and {post}; {{ is a brace.",
            )
        return values[found[1]]

    return _PLACE.sub(value, template)


def _first_sent(known: SentReply | None, now: datetime) -> datetime:
    return now if known is None else datetime.fromtimestamp(known.sent_at, UTC)


def _digest(*parts: str) -> str:
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:40]
