"""What a post holds, and everything about it that can be wrong before the server is asked."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from outreply_cli.media.urls import find_media_url_problem, find_media_url_warning
from outreply_cli.spec.limits import (
    MESSAGE_MAX_CHARACTERS,
    SCHEDULE_EARLIEST,
    SCHEDULE_LATEST,
)
from outreply_cli.spec.platforms import PLATFORMS, Platform, platform_named
from outreply_cli.spec.text import text_problem
from outreply_cli.times import format_duration
from outreply_cli.timestamps import format_timestamp

_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


@dataclass(frozen=True)
class ContentProblem:
    """What is wrong with one field.

    Attributes:
        field: The field's name in calendar files; options are called alike.
        what: The reason, and what to do.
        is_warning: Whether the post may go out all the same.
    """

    field: str
    what: str
    is_warning: bool = False


class PostContent(NamedTuple):
    """A post's words and media (reference: POST /posts/schedule)."""

    message: str | None = None
    media_ids: tuple[str, ...] = ()
    media_urls: tuple[str, ...] = ()
    first_comment: str | None = None
    link: str | None = None
    tiktok_settings: dict[str, Any] | None = None

    def body(self, page_id: str, scheduled_at: datetime | None = None) -> dict[str, Any]:
        """The request's body; without `scheduled_at`, that of `/posts/publish`."""
        body: dict[str, Any] = {"page_id": page_id}
        if scheduled_at is not None:
            body["scheduled_at"] = format_timestamp(scheduled_at)
        for name in ("message", "first_comment", "link", "tiktok_settings"):
            if getattr(self, name) is not None:
                body[name] = getattr(self, name)
        for name in ("media_ids", "media_urls"):
            if getattr(self, name):
                body[name] = list(getattr(self, name))
        return body


# What most posts are: a short message and nothing else, about which nothing can be wrong.
_SHORT = min(platform.customary_length or MESSAGE_MAX_CHARACTERS for platform in PLATFORMS)
_NOTHING_ELSE = tuple(PostContent())[1:]


def fingerprint(body: dict[str, Any]) -> str:
    """A short digest that is equal for equal bodies."""
    return hashlib.sha256(_canonical(body).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def validate_content(
    content: PostContent, platform_name: str, *, has_files: bool = False
) -> Iterator[ContentProblem]:
    """Everything that is wrong with `content` on a platform.

    Args:
        content: What the post holds.
        platform_name: As the page tells it; an unknown platform has no rules of its own.
        has_files: Whether files that are still to be uploaded belong to it.
    """
    if _is_plain(content):
        return
    platform = platform_named(platform_name)
    yield from _message_problems(content, platform, has_files=has_files)
    yield from _other_text_problems(content)
    for url in content.media_urls:
        problem = find_media_url_problem(url)
        if problem:
            yield ContentProblem("media_urls", f"{url!r} {problem}")
        elif warning := find_media_url_warning(url):
            yield ContentProblem("media_urls", f"{url!r} {warning}", is_warning=True)
    if content.first_comment is not None:
        if platform is not None and not platform.first_comment:
            yield ContentProblem(
                "first_comment",
                f"{platform.label} has none, only Instagram and Facebook do; leave it out",
            )
        length = len(content.first_comment)
        if length > MESSAGE_MAX_CHARACTERS:
            yield ContentProblem("first_comment", _too_long(length))
        elif wrong := text_problem(content.first_comment):
            yield ContentProblem("first_comment", wrong)
    if content.tiktok_settings is not None and platform is not None and platform.name != "tiktok":
        yield ContentProblem(
            "tiktok_settings", f"they mean nothing on {platform.label}; leave them out"
        )


def content_from_api(
    post: dict[str, Any], media_of_post: Callable[[str], list[dict[str, Any]]]
) -> tuple[PostContent, str | None]:
    """What the API's `post` holds, to make it again; and what of that can't be known, if anything.

    Args:
        post: A scheduled post as the API shows it.
        media_of_post: Gives the uploaded media that are attached to a post's id.
    """
    shown = [item for item in post.get("media") or [] if isinstance(item, dict)]
    uploaded = media_of_post(str(post["id"])) if shown else []
    names = [str(item.get("filename") or item.get("media_id")) for item in uploaded]
    sources = [str(item["src"]) for item in shown if item.get("src")]
    urls = [src for src in sources if not any(name in src for name in names)]
    doubt = None
    if post.get("platform") == "tiktok" and "tiktok_settings" not in post:
        doubt = "The API does not show a post's TikTok settings: the new post has none."
    content = PostContent(
        message=post.get("message") or None,
        media_ids=tuple(str(item["media_id"]) for item in uploaded if item.get("media_id")),
        media_urls=tuple(urls),
        first_comment=post.get("first_comment") or None,
        link=post.get("link") or None,
        tiktok_settings=post.get("tiktok_settings") or None,
    )
    return content, doubt


def _is_plain(content: PostContent) -> bool:
    message = content.message
    if not message or content[1:] != _NOTHING_ELSE or len(message) > _SHORT:
        return False
    return message.isascii() and not message.isspace() and "\x00" not in message


def validate_time(instant: datetime, now: datetime) -> ContentProblem | None:
    """What is wrong with scheduling at `instant` (10 minutes to 75 days ahead)."""
    ahead = instant - now
    if ahead.total_seconds() < 0:
        what = f"it is {format_duration(ahead)} in the past; choose a later time"
    elif ahead < SCHEDULE_EARLIEST:
        what = (
            f"it is {format_duration(ahead)} ahead, and the earliest is 10 minutes ahead; "
            "choose a later time, or publish at once"
        )
    elif ahead > SCHEDULE_LATEST:
        latest = format_timestamp(now + SCHEDULE_LATEST)
        what = (
            f"it is {format_duration(ahead)} ahead, and the latest is 75 days ahead ({latest}); "
            "choose an earlier time, or schedule it later on"
        )
    else:
        return None
    return ContentProblem("scheduled_at", what)


def _message_problems(
    content: PostContent, platform: Platform | None, *, has_files: bool
) -> Iterator[ContentProblem]:
    message = content.message
    if message is None or not message.strip():
        if not (content.media_ids or content.media_urls or has_files):
            yield ContentProblem("message", "there is neither a message nor any media; add one")
        return
    if len(message) > MESSAGE_MAX_CHARACTERS:
        yield ContentProblem("message", _too_long(len(message)))
    elif wrong := text_problem(message):
        yield ContentProblem("message", wrong)
    elif platform is not None and len(message) > (platform.customary_length or len(message)):
        yield ContentProblem(
            "message",
            f"it has {len(message):,} characters, and {platform.label} customarily takes "
            f"{platform.customary_length:,}",
            is_warning=True,
        )


def _other_text_problems(content: PostContent) -> Iterator[ContentProblem]:
    named = [("media_ids", media_id) for media_id in content.media_ids]
    named += [("media_urls", url) for url in content.media_urls]
    if content.link is not None:
        named.append(("link", content.link))
    if content.tiktok_settings is not None:
        named.append(("tiktok_settings", _canonical(content.tiktok_settings)))
    for field, text in named:
        if wrong := text_problem(text):
            yield ContentProblem(field, wrong)


def _too_long(length: int) -> str:
    return f"it has {length:,} characters, and the most is {MESSAGE_MAX_CHARACTERS:,}; shorten it"
