"""Posts that failed, by the `post.failed` events received on this machine."""

from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from outreply_cli.webhooks.event import EventError, parse_event
from outreply_cli.webhooks.store import DELIVERIES_FILE, DeliveryStore

_EVENTS_MAX = 1_000


def read_post_failures(state_dir: Path, since: datetime) -> dict[str, str | None]:
    """Return the errors of verified events received after `since` by post ID, newest first."""
    path = state_dir / DELIVERIES_FILE
    if not path.exists():
        return {}
    with closing(DeliveryStore(path, may_be_readonly=True)) as store:
        history = store.history(limit=_EVENTS_MAX, event="post.failed", since=since)
    errors: dict[str, str | None] = {}
    for item in history:
        with suppress(EventError):
            post: Any = parse_event(item["delivery"].body).data.get("post")
            if item["delivery"].is_verified and isinstance(post, dict) and post.get("id"):
                error = post.get("error") or post.get("failure_reason")
                errors.setdefault(str(post["id"]), None if error is None else str(error))
    return errors
