"""Replies that are sent once, despite lost responses, kills and concurrent processes.

Reference: Idempotency.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

from outreply_cli.api.client import Client
from outreply_cli.api.errors import PermissionDeniedError
from outreply_cli.api.request_builders import ApiRequest, reply_to_comment
from outreply_cli.api.resend import SearchResult, Step, next_step
from outreply_cli.comments.inbox import fetch_post_comments
from outreply_cli.comments.store import CommentStore, SentReply
from outreply_cli.comments.threads import Comment, get_author, get_created_at, get_id
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.spec.limits import MAX_MESSAGE_CHARACTERS
from outreply_cli.spec.text import normalize_text, text_problem
from outreply_cli.spec.token import LEAK_PROBLEM, holds_secret
from outreply_cli.timestamps import timestamp_or_none

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_CLOCK_TOLERANCE = timedelta(seconds=10)
# How long the record of a request that is about to be sent is valid.
_RECORD_LIFETIME = timedelta(seconds=10)
_TIME_STEP = 1e-5
# The end of the message of a reply whose outcome is unknown.
MAYBE_SENT = "; the reply may have been sent"


class ReplyOutcomeUnknownError(OutReplyError):
    """The outcome of an earlier reply is unknown."""

    code = "REPLY_STATUS_UNKNOWN"


@dataclass(frozen=True)
class ReplyResult:
    """A reply, and whether it existed before."""

    reply: Mapping[str, Any]
    existed: bool


class ListedReply(NamedTuple):
    """A reply to a comment, and whether it is certainly the page's own."""

    comment: Comment
    is_own: bool


class ReplyService:
    """Sends the replies of one account."""

    def __init__(self, client: Client, store: CommentStore) -> None:
        self._client, self._store = client, store

    def existing_replies(
        self, comment_id: str, *, refresh: bool = False
    ) -> list[ListedReply] | None:
        """Return the replies to a comment that may be the page's own, oldest first.

        None if they are unknown: the comment was not seen, or its post has more comments than the
        API lists. Costs one read at most; four if the API lists replies to the comment, to
        distinguish the page's own replies. With `refresh`, a comment that was seen is always read
        again.
        """
        sent = [
            ListedReply(reply.reply, is_own=True)
            for reply in self._store.replies(comment_id)
            if reply.reply
        ]
        if sent and not refresh:
            return sent
        comment = self._store.comment(comment_id)
        if comment is None:
            return sent or None
        post_id, at = str(comment["post_id"]), timestamp_or_none(comment.get("created_at"))
        # A list of the comments since then is less likely to be cut off.
        since = at - _CLOCK_TOLERANCE if at is not None else None
        listing = self._client.comments(post_id, since=since)
        # Store its current text, which is shown with the reply: its author may have edited it.
        self._store.mark_seen(
            post_id, (item for item in listing.items if get_id(item) == comment_id)
        )
        if sent:
            return sent
        children = [reply for reply in listing.items if reply.get("parent_id") == comment_id]
        known = self._find_owners(post_id) if children else {}
        found = [
            ListedReply(reply, known.get(get_id(reply), False))
            for reply in sorted(children, key=get_created_at)
            if known.get(get_id(reply), True)
        ]
        return found if found or not listing.truncated else None

    def _find_owners(self, post_id: str) -> Mapping[str, bool]:
        """Return whether comments on a post are the page's own, by their IDs, where known."""
        try:
            post = self._client.find_published(post_id) or {"id": post_id}
            group = fetch_post_comments(self._client, self._store, post)
        except PermissionDeniedError:
            return {}
        if not group.page.get("username"):
            return {}
        return {
            item.id: item.is_own
            for item in group.threads
            if get_author(item.comment).get("username")
        }

    def find_sent(
        self, comment_id: str, message: str | None = None, key: str | None = None
    ) -> SentReply | None:
        """Return the reply that was or may have been sent from this store; None if none was.

        With `key`, the one with that key; else the last one with the same text as `message`, if
        given, with whatever key. Replies that were certainly sent come first.
        """
        if key is not None:
            return self._store.reply_for(comment_id, f"key {key}")
        same = [
            reply
            for reply in self._store.replies(comment_id)
            if message is None or _is_same_text(reply.message, message)
        ]
        return max(reversed(same), key=lambda reply: reply.reply is not None, default=None)

    def send(
        self,
        comment_id: str,
        message: str,
        key: str | None = None,
        *,
        existing: Sequence[ListedReply] = (),
        is_composed: bool = False,
    ) -> ReplyResult:
        """Reply to a comment.

        A second reply with the same `key` is not sent, nor, without a key, one with the text of a
        reply that was sent from this store or is among the `existing_replies`. Without a key, a
        text that a program composed is sent only to a comment that was not answered from this
        store: each run composes another one.

        Raises:
            ReplyOutcomeUnknownError: An earlier attempt may have succeeded and cannot be found.
            OutReplyError: Any error of `Client.reply`.
        """
        check_reply(message)
        earlier = self.find_sent(comment_id, None if is_composed else message, key)
        now, token = self._client.now(), self._client.transport.token_digest
        occasion = earlier.occasion if earlier else _occasion(message, key, is_composed=is_composed)
        first = SentReply(
            comment_id, occasion, message, _idempotency_key(comment_id, occasion),
            now.timestamp(), now.timestamp(), token,
        )  # fmt: skip
        if earlier is None:
            same = find_same_text(existing, message)
            if same is not None:
                return ReplyResult(same, existed=True)
            if self._store.claim(first):
                return self._send(first, after=first.attempted_at)
            # Another process has just sent it.
            earlier = self._store.reply_for(comment_id, occasion) or first
        if earlier.reply is not None:
            return ReplyResult(earlier.reply, existed=True)
        found, is_complete, reason = self._search(earlier)
        search = SearchResult(is_found=found is not None, is_complete=is_complete, at=now)
        match next_step(earlier.attempts, search, now=now, token=token):
            case Step.RECORD if found is not None:
                self._store.record_reply(earlier, found)
                return ReplyResult(found, existed=True)
            case Step.REPEAT:
                # Sent unchanged: the server deduplicates only identical requests.
                return self._send(earlier, after=earlier.attempted_at, is_repeat=True)
            case Step.SEND:
                again = replace(first, message=earlier.message)
                return self._send(again, after=earlier.attempted_at)
        raise ReplyOutcomeUnknownError(
            f"cannot determine whether an earlier reply to {comment_id} was sent: {reason}",
            hint="List the comments of its post: outreply comments list POST. To send another "
            "reply, use different text or a different --key.",
        )

    def build_request(
        self, comment_id: str, message: str, key: str | None = None, *, is_composed: bool = False
    ) -> ApiRequest:
        """Return the request that `send` would send, or has sent, with the same arguments."""
        earlier = self.find_sent(comment_id, None if is_composed else message, key)
        if earlier is not None:
            return reply_to_comment(comment_id, earlier.message, earlier.idempotency_key)
        occasion = _occasion(message, key, is_composed=is_composed)
        return reply_to_comment(comment_id, message, _idempotency_key(comment_id, occasion))

    def _send(self, reply: SentReply, *, after: float, is_repeat: bool = False) -> ReplyResult:
        """Send a reply; `after` is the last attempt in its record, as this process knows it."""
        comment_id = reply.comment_id
        recorded_at = self._client.now()

        def record_attempt() -> Comment | None:
            nonlocal recorded_at, after
            recorded_at = self._client.now()
            # At least one step later than the last attempt: the time identifies the process that
            # wrote the record.
            at = max(recorded_at.timestamp(), after + _TIME_STEP)
            if self._store.record_attempt(replace(reply, attempted_at=at), after=after):
                after = at
                return None
            other = self._store.reply_for(comment_id, reply.occasion)
            if other is not None and other.reply is not None:
                return other.reply
            raise ReplyOutcomeUnknownError(
                f"another process is sending this reply to {comment_id}",
                hint="Run the same command again; it does not send the reply twice.",
            )

        def find() -> Comment | None:
            found, _, _ = self._search(reply)
            return record_attempt() if found is None else found

        def before_attempt() -> Comment | None:
            # The request waited, or the machine slept: another process may have sent the reply.
            is_old = self._client.now() - recorded_at > _RECORD_LIFETIME
            return find() if is_old else None

        existing = record_attempt()
        if existing is not None:
            return ReplyResult(existing, existed=True)
        try:
            sent = self._client.reply(
                comment_id,
                reply.message,
                idempotency_key=reply.idempotency_key,
                find=find,
                before_attempt=before_attempt,
            )
        except OutReplyError as error:
            if not (error.maybe_applied or is_repeat):
                self._store.delete_reply(reply, after=after)
            raise _explain(error, comment_id) from error
        self._store.record_reply(reply, sent)
        return ReplyResult(sent, existed=False)

    def _search(self, sent: SentReply) -> tuple[dict[str, Any] | None, bool, str]:
        """Return a reply's object, whether the search was complete, and why it may lack it."""
        comment = self._store.comment(sent.comment_id)
        if comment is None:
            return None, False, "the post of the comment is not known; list its comments first"
        try:
            listing = self._client.comments(str(comment["post_id"]))
        except PermissionDeniedError as error:
            # Without a search, only the key makes a repeat harmless.
            return None, False, error.message
        # Replies are no older than the first request, apart from the clocks' difference.
        earliest = sent.attempts.first_at - _CLOCK_TOLERANCE
        for reply in listing.items:
            if (
                reply.get("parent_id") == sent.comment_id
                and _is_same_text(reply.get("message"), sent.message)
                and get_created_at(reply) >= earliest
            ):
                return dict(reply), True, ""
        if listing.truncated:
            return None, False, "the server lists only 100 comments of the post"
        return None, True, "the API's list may be out of date; try again in a minute"


def find_same_text(replies: Sequence[ListedReply], message: str) -> Comment | None:
    """Return the page's own reply with a text, or None."""
    same = (
        reply.comment
        for reply in replies
        if reply.is_own and _is_same_text(reply.comment.get("message"), message)
    )
    return next(same, None)


def check_reply(message: str) -> None:
    """Raise InvalidInputError for a text that is not a valid reply."""
    if not message.strip():
        raise InvalidInputError("the reply is empty", hint="Use -m, -F or --edit.")
    problem = LEAK_PROBLEM if holds_secret(message) else text_problem(message)
    if problem is not None:
        raise InvalidInputError(f"invalid reply: {problem}")
    if len(message) > MAX_MESSAGE_CHARACTERS:
        raise InvalidInputError(
            f"the reply has {len(message):,} characters; the limit is {MAX_MESSAGE_CHARACTERS:,}",
            hint="Shorten it.",
        )


def fill_template(template: str, comment: Comment, post: Mapping[str, Any]) -> str:
    """Fill the placeholders `{author}`, `{username}` and `{post}`; `{{` stands for a brace.

    `{post}` is the URL of the post.

    Raises:
        InvalidInputError: A placeholder is unknown, or the post has no URL.
    """
    author = get_author(comment)
    username = str(author.get("username") or "")
    values = {
        "author": str(author.get("name") or username or "there"),
        "username": username,
        "post": str(post.get("permalink") or ""),
    }

    def substitute(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        if match[1] not in values:
            raise InvalidInputError(
                f"--template: unknown placeholder {match[0]}",
                hint="Use {author}, {username} or {post}, and {{ for a brace.",
            )
        if match[1] == "post" and not values["post"]:
            raise InvalidInputError(
                "--template: the API does not list the URL of the post for {post}",
                hint="Write the URL into the template.",
            )
        return values[match[1]]

    return _PLACEHOLDER.sub(substitute, template)


def _explain(error: OutReplyError, comment_id: str) -> OutReplyError:
    """Return the error for a reply that was not, or may have been, sent."""
    if error.maybe_applied:
        return error.replace(
            message=f"{error.message.rstrip('.')}{MAYBE_SENT}",
            hint="Run the same command again; it does not send the reply twice.",
        )
    if error.code == "IDEMPOTENCY_KEY_MISMATCH":
        return error.replace(
            message=f"comment {comment_id} may already have a reply that is not in this store",
            hint="List the comments of its post: outreply comments list POST",
        )
    return error.replace()


def _is_same_text(first: object, second: object) -> bool:
    return normalize_text(first) == normalize_text(second)


def _occasion(message: str, key: str | None, *, is_composed: bool) -> str:
    if key is not None:
        return f"key {key}"
    return "composed" if is_composed else f"text {_digest(message)}"


def _idempotency_key(comment_id: str, occasion: str) -> str:
    # Derived from comment and occasion alone: concurrent processes send the reply once.
    return f"outreply-reply-{_digest(comment_id, occasion)}"


def _digest(*parts: str) -> str:
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:40]
