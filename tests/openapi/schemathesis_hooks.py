"""Valid data for what a schema cannot state, so that no check of Schemathesis is left out.

A valid request gets a time ahead of the clock, bytes of an image, a URL on this machine, and the
IDs of the seed file `roomy.yaml`.
"""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis
from hypothesis import strategies as st

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
# Addresses, so that no name is looked up.
URLS = st.integers(1, 1_000).map(lambda number: f"https://93.184.216.34/{number}.jpg")
schemathesis.openapi.format("uri", URLS)


def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Complete the body of a request that must be accepted."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    match case.operation.label:
        case "POST /media/upload":
            kwargs["files"] = {"file": ("hero.png", io.BytesIO(PNG), "image/png")}
        case "POST /webhooks":
            case.body["url"] = "http://127.0.0.1:9/"
        case "POST /posts/schedule":
            case.body["scheduled_at"] = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        case "POST /comments/reply":
            case.body["comment_id"] = "c_1"
        case "GET /comments":
            # Null after `GET /media` if the first item has no `scheduled_post_id`.
            case.query["post_id"] = case.query.get("post_id") or "post1"


schemathesis.hook(before_call)
