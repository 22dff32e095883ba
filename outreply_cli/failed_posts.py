"""Scheduled posts that failed, as far as this machine and its team know them.

The API shows a failed post by its ID (reference: GET /posts/scheduled/:postId), but does not list
it. So its ID comes from the journal, or from a `post.failed` event that was received.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from typing import Any

from outreply_cli.api.client import Client, ListResult
from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.api.resend import LIST_LAG
from outreply_cli.api.types import Post
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import EntryState
from outreply_cli.journal.store import Store
from outreply_cli.pages import Page
from outreply_cli.posts.listing import list_all_published
from outreply_cli.posts.sender import KEY_CALENDAR_PREFIX
from outreply_cli.webhooks.event import EventError, parse_event
from outreply_cli.webhooks.store import DELIVERIES_FILE, DeliveryStore, HistoryEntry

# `posts retry` sends a post with this prefix and the failed post's ID as its `--key`.
RETRY_KEY_PREFIX = "retry of "
_MAX_READS = 50
_MAX_EVENTS = 1_000


def list_failed_posts(
    client: Client,
    store: Store,
    pages: Iterable[Page],
    *,
    since: datetime,
    page_id: str | None = None,
    include_retried: bool = False,
) -> ListResult[Post]:
    """List the failed posts that were due after `since`, newest first, with their `error`.

    Posts that `posts retry` sent again are left out unless `include_retried`. It costs a read per
    post that may have failed, and reads the newest 50 of them.
    """
    errors = _read_failures(store, since)
    candidates = dict.fromkeys(errors)
    retried: set[str] = set()
    if store.exists:
        with closing(store.open(allow_readonly=True)) as journal:
            account = account_fingerprint(client)
            due = journal.due_entries(account, since, client.now() - LIST_LAG)
            candidates |= dict.fromkeys(
                str(entry.post_id) for entry in reversed(due) if "scheduled_at" in entry.body
            )
            if not include_retried:
                retried = {
                    post_id for post_id in candidates if _is_retried(journal, account, post_id)
                }
    page_ids = [str(page.get("id")) for page in pages]
    published = list_all_published(client, page_ids, since)
    published_ids = {str(post.get("id")) for post in published.items}
    ids = [post_id for post_id in candidates if post_id not in published_ids | retried]
    failed: list[Post] = []
    for post_id in ids[:_MAX_READS]:
        try:
            post = client.scheduled_post(post_id)
        except NotFoundError:
            continue
        except PermissionDeniedError as denied:
            # The journal and the events may be those of brands that the token cannot access.
            if denied.code != "BRAND_NOT_AUTHORIZED":
                raise
            continue
        if post.get("status") == "failed" and page_id in {None, post.get("page_id")}:
            error: Any = post.get("error") or post.get("failure_reason") or errors.get(post_id)
            failed.append({**post, "error": error})
    failed.sort(key=lambda post: str(post.get("scheduled_at")), reverse=True)
    return ListResult(failed, truncated=len(ids) > _MAX_READS)


def _read_failures(store: Store, since: datetime) -> dict[str, str | None]:
    """Return the errors of verified events received after `since` by post ID, newest first."""
    history: list[HistoryEntry] = []
    for deliveries in _delivery_stores(store):
        with closing(deliveries):
            history += deliveries.history(limit=_MAX_EVENTS, event="post.failed", since=since)
    history.sort(key=lambda item: item.delivery.received_at, reverse=True)
    errors: dict[str, str | None] = {}
    for item in history:
        with suppress(EventError):
            post: Any = parse_event(item.delivery.body).data.get("post")
            if item.delivery.is_verified and isinstance(post, dict) and post.get("id"):
                error = post.get("error") or post.get("failure_reason")
                errors.setdefault(str(post["id"]), None if error is None else str(error))
    return errors


def _delivery_stores(store: Store) -> Iterator[DeliveryStore]:
    """Open the deliveries of this machine, then those of the team, if there are any."""
    path = store.state_dir / DELIVERIES_FILE
    if path.exists():
        yield DeliveryStore(path, allow_readonly=True)
    if store.url is not None:
        from outreply_cli.webhooks.team_store import TeamDeliveryStore

        yield TeamDeliveryStore(store.database(), store.clock)


def _is_retried(journal: Journal, account: str, post_id: str) -> bool:
    histories = journal.rows(account, f"{KEY_CALENDAR_PREFIX}{RETRY_KEY_PREFIX}{post_id}")
    return any(
        history.active is not None and history.active.state == EntryState.DONE
        for history in histories
    )
