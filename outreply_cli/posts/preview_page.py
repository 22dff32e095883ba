"""The page of a preview: one file without external resources, readable without its script."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli import __version__
from outreply_cli.net.html import render_document
from outreply_cli.times import format_time


def render_preview(
    posts: Sequence[Mapping[str, Any]],
    *,
    title: str,
    zone: ZoneInfo,
    now: datetime,
    images: Mapping[str, str],
    months: Sequence[Any] = (),
    note: str = "",
    approval_file: str | None = None,
) -> str:
    """Return the page.

    Args:
        posts: Objects with a PostPreview as `post`; those of a calendar have `source`, and `row`
            and `hash` to be approved.
        title: Name of the calendar, or of what is shown.
        zone: Zone of local times.
        now: Time of the preview.
        images: `data:` URIs by the digest of their file.
        months: Weeks of days with their posts, by month; empty for a single post.
        note: Note about posts that the page does not show.
        approval_file: Name under which a browser saves the approval; None without approval.
    """
    script = render_document("preview.js") if approval_file is not None else ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return render_document(
        "preview.html",
        posts=posts,
        title=title,
        zone=zone.key,
        made_at=format_time(now.replace(microsecond=0), zone),
        images=images,
        months=months,
        note=note,
        approval_file=approval_file,
        script_source=f"'sha256-{digest}'" if script else "'none'",
        version=__version__,
    )
