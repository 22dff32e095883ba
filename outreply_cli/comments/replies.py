"""Replies that are sent once, despite lost responses, kills and concurrent processes.

Reference: Idempotency.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from outreply_cli.api.client import Client
from outreply_cli.comments.store import CommentStore, SentReply
from outreply_cli.comments.threads import Comment, get_author, get_created_at
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.spec.limits import IDEMPOTENCY_KEY_LIFETIME, MESSAGE_MAX_CHARACTERS
from outreply_cli.spec.text import text_problem

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
# A key close to its expiry may have expired when the request arrives.
_KEY_MARGIN = timedelta(minutes=10)


class AmbiguousReplyError(OutReplyError):
    """The outcome of an earlier reply is unknown."""

    code = "REPLY_STATUS_UNKNOWN"


@dataclass(frozen=True)
class ReplyResult:
    """A reply, and whether it existed before."""

    reply: Mapping[str, Any]
    existed: bool


@dataclass(frozen=True)
class ExistingReply:
    """Text and creation time of a reply that a comment already has."""

    message: str
    at: datetime


class ReplyService:
    """Sends the replies of one account."""

    def __init__(self, client: Client, store: CommentStore) -> None:
        self._client, self._store = client, store

    def existing_replies(self, comment_id: str) -> list[ExistingReply]:
        """Return the known replies to a comment, oldest first; costs one read at most."""
        sent = [
            ExistingReply(reply.message, datetime.fromtimestamp(reply.sent_at, UTC))
            for reply in self._store.replies(comment_id)
            if reply.reply
        ]
        comment = self._store.comment(comment_id)
        if sent or comment is None:
            return sent
        listed = self._client.comments(str(comment["post_id"])).items
        return sorted(
            (
                ExistingReply(str(reply.get("message")), get_created_at(reply))
                for reply in listed
                if reply.get("parent_id") == comment_id
            ),
            key=lambda reply: reply.at,
        )

    def send(self, comment_id: str, message: str, key: str | None = None) -> ReplyResult:
        """Reply to a comment.

        A second reply with the same `key` (by default, with the same text) is not sent.

        Raises:
            AmbiguousReplyError: An earlier attempt may have succeeded and cannot be found.
            OutReplyError: Any error of `Client.reply`.
        """
        check_reply(message)
        dedupe_key = f"key {key}" if key is not None else f"text {_digest(message)}"
        earlier = self._store.reply_for(comment_id, dedupe_key)
        if earlier is None:
            # Derived from comment and key alone: concurrent processes send the reply once.
            idempotency_key = f"outreply-reply-{_digest(comment_id, dedupe_key)}"
            sent_at = self._client.now().timestamp()
            intent = SentReply(comment_id, message, idempotency_key, sent_at, None)
        elif earlier.reply is not None:
            return ReplyResult(earlier.reply, existed=True)
        else:
            existing = self._find_existing(earlier)
            if existing is not None:
                self._store.record_reply(comment_id, dedupe_key, existing)
                return ReplyResult(existing, existed=True)
            # Sent unchanged: the server deduplicates only identical requests.
            intent = earlier
        self._store.record_intent(intent, dedupe_key)
        try:
            reply = self._client.reply(
                comment_id, intent.message, idempotency_key=intent.idempotency_key
            )
        except OutReplyError as error:
            if error.maybe_applied:
                raise error.replace(
                    message=f"{error.message.rstrip('.')}; the reply may have been sent",
                    hint="Run the same command again; it does not send the reply twice.",
                ) from error
            if earlier is None:
                self._store.delete_reply(comment_id, dedupe_key)
            raise
        self._store.record_reply(comment_id, dedupe_key, reply)
        return ReplyResult(reply, existed=False)

    def _find_existing(self, sent: SentReply) -> dict[str, Any] | None:
        age = self._client.now() - datetime.fromtimestamp(sent.sent_at, UTC)
        if age < IDEMPOTENCY_KEY_LIFETIME - _KEY_MARGIN:
            return None
        comment = self._store.comment(sent.comment_id)
        if comment is None:
            raise AmbiguousReplyError(
                f"the outcome of an earlier reply to {sent.comment_id} is unknown",
                hint="List the comments of its post first: outreply comments list POST",
            )
        for reply in self._client.comments(str(comment["post_id"])).items:
            if (reply.get("parent_id"), reply.get("message")) == (sent.comment_id, sent.message):
                return dict(reply)
        return None


def check_reply(message: str) -> None:
    """Raise InvalidInputError for a text that is not a valid reply."""
    if not message.strip():
        raise InvalidInputError("the reply is empty", hint="Use -m, -F or --edit.")
    problem = text_problem(message)
    if problem is not None:
        raise InvalidInputError(f"invalid reply: {problem}")
    if len(message) > MESSAGE_MAX_CHARACTERS:
        raise InvalidInputError(
            f"the reply has {len(message):,} characters; the limit is {MESSAGE_MAX_CHARACTERS:,}",
            hint="Shorten it.",
        )


def fill_template(template: str, comment: Comment, post: Mapping[str, Any]) -> str:
    """Fill the placeholders `{author}`, `{username}` and `{post}`; `{{` stands for a brace.

    `{post}` is the address of the post, or its ID when `post` is empty.

    Raises:
        InvalidInputError: A placeholder is unknown.
    """
    author = get_author(comment)
    username = str(author.get("username") or "")
    values = {
        "author": str(author.get("name") or username or "there"),
        "username": username,
        "post": str(post.get("permalink") or comment.get("post_id") or ""),
    }

    def substitute(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        if match[1] not in values:
            raise InvalidInputError(
                f"--template: unknown placeholder {match[0]}",
                hint="Use {author}, {username} or {post}, and {{ for a brace.",
            )
        return values[match[1]]

    return _PLACEHOLDER.sub(substitute, template)


def _digest(*parts: str) -> str:
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:40]
