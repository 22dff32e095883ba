"""Output of previews in a terminal."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from outreply_cli.context import Context
from outreply_cli.posts.preview import PostPreview


def print_preview(context: Context, post: PostPreview, source: str = "") -> None:
    """Print how a post looks, in the table format only."""
    for line in preview_lines(post, source):
        context.output.print_line(line)


def preview_lines(post: PostPreview, source: str = "") -> Iterator[str]:
    """Yield the lines of a preview; texts may have several."""
    page = f"{post.page} ({post.alias})" if post.alias != post.page else post.page
    time = _format_time(post) if source else ""
    yield "  ".join(filter(None, (time, post.label, page, source)))
    for medium in post.media:
        yield f"  [{medium.name}: {medium.facts}]"
    if post.shown:
        yield _indent(post.shown + (" … more" if post.hidden else ""))
    if post.hidden:
        yield _indent(post.hidden.strip(), "  | ")
    if post.content.link:
        yield f"  Link: {post.content.link}"
    if post.content.first_comment:
        yield "  First comment:"
        yield _indent(post.content.first_comment, "  | ")
    for name, value in (post.content.tiktok_settings or {}).items():
        yield f"  {name}: {value}"
    if post.counts:
        yield f"  ({'; '.join(post.counts)})"
    for warning in post.warnings:
        yield f"  ! {warning}"
    yield ""


def preview_to_dict(post: PostPreview) -> dict[str, Any]:
    """Return a preview as JSON."""
    return {
        "platform": post.platform,
        "page": post.alias or None,
        "page_name": post.page or None,
        "message": post.content.message,
        "shown": post.shown,
        "hidden": post.hidden,
        "media": [
            {"name": medium.name, "detail": medium.facts, "url": medium.url}
            for medium in post.media
        ],
        "link": post.content.link,
        "first_comment": post.content.first_comment,
        "tiktok_settings": post.content.tiktok_settings,
        "counts": list(post.counts),
        "warnings": list(post.warnings),
    }


def _format_time(post: PostPreview) -> str:
    if post.at is None:
        return "At the next free slot"
    return f"{post.at:%a %d %b %Y %H:%M} ({post.at.astimezone(UTC):%d %b %H:%M} UTC)"


def _indent(text: str, start: str = "  ") -> str:
    return "\n".join(start + line for line in text.split("\n"))
