"""The content of a post, and its validation before anything is sent."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from outreply_cli.media.urls import find_media_url_problem, find_media_url_warning
from outreply_cli.spec.limits import MAX_MESSAGE_CHARACTERS, SCHEDULE_EARLIEST, SCHEDULE_LATEST
from outreply_cli.spec.media_types import mime_from_name
from outreply_cli.spec.platform_rules import DEFAULT_RULES, Finding, RuleSet, evaluate_rules
from outreply_cli.spec.platforms import Platform, find_platform
from outreply_cli.spec.rule_kinds import Media, PostFacts
from outreply_cli.spec.text import is_unicode, text_problem
from outreply_cli.spec.token import LEAK_PROBLEM, holds_secret
from outreply_cli.times import format_duration
from outreply_cli.timestamps import format_timestamp

_canonical_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


class Diagnostic(NamedTuple):
    """A problem with a post, and its position if the post is in a calendar.

    Attributes:
        field: Field name in calendar files (the option has the same name), or "" for all fields.
        message: The reason, and what to do.
        is_warning: Whether the post may be sent despite it.
        file: File name as the user wrote it.
        line: Line number from 1; 0 for the whole file.
        row_line: First line of the row, if it differs from `line`; otherwise 0.
        cell: Sheet and cell in a workbook, such as `Plan:C7`.
    """

    field: str
    message: str
    is_warning: bool = False
    file: str = ""
    line: int = 0
    row_line: int = 0
    cell: str = ""

    @property
    def text(self) -> str:
        """`FILE:LINE: field: problem; fix`; `FILE!SHEET:CELL` for a workbook."""
        location = f"{self.file}:{self.line}" if self.line else self.file
        if self.cell:
            location = f"{self.file}!{self.cell}"
        start = f"{location}: " if location else ""
        return f"{start}{self.field}: {self.message}" if self.field else start + self.message

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form."""
        item: dict[str, Any] = {"file": self.file, "line": self.line}
        if self.cell:
            item["cell"] = self.cell
        item |= {"field": self.field, "message": self.message, "text": self.text}
        return item


class PostContent(NamedTuple):
    """Text and media of a post (reference: POST /posts/schedule)."""

    message: str | None = None
    media_ids: tuple[str, ...] = ()
    media_urls: tuple[str, ...] = ()
    first_comment: str | None = None
    link: str | None = None
    tiktok_settings: dict[str, Any] | None = None

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> "PostContent":
        """Return the content of a request body."""
        fields: dict[str, Any] = {name: body.get(name) for name in cls._fields}
        for name in ("media_ids", "media_urls"):
            fields[name] = tuple(fields[name] or ())
        return cls(**fields)

    @property
    def media(self) -> list[str]:
        """Media as in `--media`: `media:ID` or a URL."""
        return [*(f"media:{media_id}" for media_id in self.media_ids), *self.media_urls]

    def to_flags(self) -> list[str]:
        """Return the options of `posts schedule` that set the content."""
        settings = json.dumps(self.tiktok_settings) if self.tiktok_settings else None
        given = [
            *(("--media", item) for item in self.media),
            ("--first-comment", self.first_comment),
            ("--link", self.link),
            ("--tiktok", settings),
            ("-m", self.message),
        ]
        return [word for option, value in given if value for word in (option, value)]

    def body(self, page_id: str, scheduled_at: datetime | None = None) -> dict[str, Any]:
        """Return the request body; without `scheduled_at`, that of `/posts/publish`."""
        # In the order of the SDKs: a server may compare the bytes of requests with the same key.
        body: dict[str, Any] = {"page_id": page_id}
        if self.message is not None:
            body["message"] = self.message
        if scheduled_at is not None:
            body["scheduled_at"] = format_timestamp(scheduled_at)
        for name in ("media_ids", "media_urls"):
            if getattr(self, name):
                body[name] = list(getattr(self, name))
        for name in ("link", "first_comment", "tiktok_settings"):
            if getattr(self, name) is not None:
                body[name] = getattr(self, name)
        return body


_NOTHING_ELSE = tuple(PostContent())[1:]


def fingerprint(body: dict[str, Any]) -> str:
    """Return a short digest that is equal for equal bodies."""
    return hashlib.sha256(_canonical_json(body).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def validate_content(
    content: PostContent,
    platform_name: str,
    *,
    files: Sequence[Media] = (),
    rules: RuleSet = DEFAULT_RULES,
    is_strict: bool = False,
    has_secret: Callable[[object], bool] = holds_secret,
) -> Iterator[Diagnostic]:
    """Yield all problems of `content` on a platform; an unknown platform has no special rules.

    `files` are not uploaded yet and will be attached. A post that breaks one of `rules` of the
    platform gets a warning, or an error with `is_strict`. `has_secret` returns whether a field
    contains a token or a webhook secret.
    """
    if not files and _is_plain(content) and not has_secret(content.message):
        broken = rules.check_plain_text(content.message or "", platform_name)
        if broken is not None:
            yield from [Diagnostic(*finding, not is_strict) for finding in broken]
            return
    secret_fields = [
        name
        for name, value in zip(PostContent._fields, content, strict=True)
        if value and has_secret(value)
    ]
    for name in secret_fields:
        yield Diagnostic(name, LEAK_PROBLEM)
    platform = find_platform(platform_name)
    yield from _message_problems(content, has_files=bool(files))
    yield from _other_text_problems(content)
    # These messages quote the URLs.
    if "media_urls" not in secret_fields:
        yield from _url_problems(content)
    yield from _support_problems(content, platform)
    for finding in evaluate_content(content, platform_name, files=files, rules=rules):
        # The message may quote a URL.
        if finding.is_broken and finding.field not in secret_fields:
            yield Diagnostic(finding.field, finding.message, is_warning=not is_strict)


def evaluate_content(
    content: PostContent, platform_name: str, *, files: Sequence[Media], rules: RuleSet
) -> Iterator[Finding]:
    """Compare `content` with each of `rules` of a platform; see `validate_content`."""
    active = rules.select(platform_name)
    if not active:
        return
    message = content.message
    if message is not None and (len(message) > MAX_MESSAGE_CHARACTERS or not is_unicode(message)):
        # The API refuses it.
        message = None
    media = list(files)
    for url in content.media_urls:
        name = _get_file_name(url)
        media.append(Media("media_urls", name, mime_from_name(name)))
    media += [Media("media_ids", media_id) for media_id in content.media_ids]
    yield from evaluate_rules(active, PostFacts(active[0].platform, message, tuple(media)))


def validate_time(scheduled_at: datetime, now: datetime) -> Diagnostic | None:
    """Return the problem of scheduling at `scheduled_at` (10 minutes to 75 days ahead), if any."""
    ahead = scheduled_at - now
    if SCHEDULE_EARLIEST <= ahead <= SCHEDULE_LATEST:
        return None
    duration = format_duration(ahead)
    if ahead.total_seconds() < 0:
        message = f"the time is {duration} in the past; choose a later time"
    elif ahead < SCHEDULE_EARLIEST:
        # Rounded down: not "only 10m".
        duration = format_duration(timedelta(seconds=ahead // timedelta(seconds=1)))
        message = f"the time is only {duration} ahead; at least 10 minutes are required"
    else:
        latest = format_timestamp(now + SCHEDULE_LATEST)
        message = f"the time is {duration} ahead; at most 75 days are allowed (until {latest})"
    return Diagnostic("scheduled_at", message)


def content_from_api(
    post: Mapping[str, Any],
    get_uploads: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
) -> tuple[PostContent, str | None]:
    """Return the content of a scheduled `post`, and a warning if a part of it is unknown.

    `get_uploads` returns the uploaded media attached to a post.
    """
    media = [item for item in post.get("media") or [] if isinstance(item, dict)]
    uploads = get_uploads(post) if media else []
    sources = [str(item["src"]) for item in media if item.get("src")]
    names = {
        str(item["media_id"]): str(item.get("filename") or item["media_id"]) for item in uploads
    }

    def find_position(media_id: str) -> int:
        named = (index for index, src in enumerate(sources) if names[media_id] in src)
        return next(named, len(sources))

    warning = None
    if post.get("platform") == "tiktok" and "tiktok_settings" not in post:
        warning = "its TikTok settings are left out, because the API does not return them"
    content = PostContent(
        message=post.get("message") or None,
        media_ids=tuple(sorted(names, key=find_position)),
        media_urls=tuple(src for src in sources if not any(name in src for name in names.values())),
        first_comment=post.get("first_comment") or None,
        link=post.get("link") or None,
        tiktok_settings=post.get("tiktok_settings") or None,
    )
    return content, warning


def _is_plain(content: PostContent) -> bool:
    # Most posts are a short message and nothing else, which the API accepts.
    message = content.message
    if not message or content[1:] != _NOTHING_ELSE or len(message) > MAX_MESSAGE_CHARACTERS:
        return False
    return message.isascii() and message.isprintable() and not message.isspace()


def _message_problems(content: PostContent, *, has_files: bool) -> Iterator[Diagnostic]:
    message = content.message
    if message is None or not message.strip():
        if not (content.media_ids or content.media_urls or has_files):
            yield Diagnostic("message", "a message or media is required")
    else:
        yield from _text_problems("message", message)


def _text_problems(field: str, text: str) -> Iterator[Diagnostic]:
    if len(text) > MAX_MESSAGE_CHARACTERS:
        limit = f"the limit is {MAX_MESSAGE_CHARACTERS:,}"
        yield Diagnostic(field, f"{len(text):,} characters, but {limit}; shorten it")
    elif reason := text_problem(text):
        yield Diagnostic(field, reason)


def _other_text_problems(content: PostContent) -> Iterator[Diagnostic]:
    texts = [("media_ids", media_id) for media_id in content.media_ids]
    texts += [("media_urls", url) for url in content.media_urls]
    if content.link is not None:
        texts.append(("link", content.link))
    if content.tiktok_settings is not None:
        texts.append(("tiktok_settings", _canonical_json(content.tiktok_settings)))
    for field, text in texts:
        if reason := text_problem(text):
            yield Diagnostic(field, reason)


def _support_problems(content: PostContent, platform: Platform | None) -> Iterator[Diagnostic]:
    if content.first_comment is not None:
        if platform is not None and not platform.first_comment:
            yield Diagnostic(
                "first_comment",
                f"not supported on {platform.label}, only on Instagram and Facebook; remove it",
            )
        yield from _text_problems("first_comment", content.first_comment)
    if content.tiktok_settings is not None and platform is not None and platform.name != "tiktok":
        yield Diagnostic("tiktok_settings", f"not supported on {platform.label}; remove it")


def _url_problems(content: PostContent) -> Iterator[Diagnostic]:
    for url in content.media_urls:
        if reason := find_media_url_problem(url):
            yield Diagnostic("media_urls", f"{url!r} {reason}")
        elif warning := find_media_url_warning(url):
            yield Diagnostic("media_urls", f"{url!r} {warning}", is_warning=True)


def _get_file_name(url: str) -> str:
    try:
        return urlsplit(url).path.rpartition("/")[2] or url
    except ValueError:
        return url
