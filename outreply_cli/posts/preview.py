"""Posts as the feeds of their platforms show them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from outreply_cli.formats.sizes import format_size
from outreply_cli.media.files import MediaFile
from outreply_cli.pages import page_alias
from outreply_cli.posts.content import PostContent, evaluate_content, validate_content
from outreply_cli.spec.feeds import FEEDS, UNKNOWN_FEED, Feed, cut_text
from outreply_cli.spec.limits import MAX_MESSAGE_CHARACTERS
from outreply_cli.spec.platform_rules import RuleSet
from outreply_cli.spec.platforms import find_platform, long_name, platform_label
from outreply_cli.spec.rule_kinds import KINDS, format_seconds

# Hashtags, mentions and URLs, which platforms show in another color.
_MARKED = re.compile(r"(https?://\S+|(?<![\w&])[#@]\w+)")


class PreviewedMedia(NamedTuple):
    """An image or video; one without a `file` is uploaded already, or on the web at `url`."""

    name: str
    facts: str
    is_video: bool = False
    file: MediaFile | None = None
    url: str | None = None


@dataclass(frozen=True)
class PostPreview:
    """A post as a feed shows it.

    Attributes:
        page: Name of the page, if it is known.
        alias: `platform:username` of the page, or what the file calls it; "" without a page.
        at: Local time; None for a post that has none yet.
        shown: Text before "more".
        hidden: Text after it.
        ratio: Width by height of the first image in the feed.
        counts: Lengths against their limits, such as `212 of 2,200 characters`.
        warnings: Rules of the platform and of the API that the post breaks.
    """

    platform: str
    page: str
    alias: str
    at: datetime | None
    content: PostContent
    shown: str
    hidden: str
    media: tuple[PreviewedMedia, ...]
    feed: Feed
    ratio: float
    counts: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def label(self) -> str:
        """Name of the platform for people."""
        return platform_label(self.platform) or "Unknown platform"

    @property
    def code(self) -> str:
        """Short name of the platform, such as `IG`."""
        platform = find_platform(self.platform)
        return "?" if platform is None else min(platform.label, platform.code, key=len)

    @property
    def link_host(self) -> str:
        """Host of the link, if it is a web address."""
        try:
            parts = urlsplit(self.content.link or "")
        except ValueError:
            return ""
        return parts.hostname or "" if parts.scheme in {"http", "https"} else ""

    @staticmethod
    def split_marked(text: str) -> Iterator[tuple[bool, str]]:
        """Yield the parts of a text, and whether a platform shows them in another color."""
        for index, part in enumerate(_MARKED.split(text)):
            if part:
                yield index % 2 == 1, part


def preview_post(
    content: PostContent,
    page: Mapping[str, Any],
    *,
    at: datetime | None,
    files: Sequence[MediaFile],
    rules: RuleSet,
) -> PostPreview:
    """Return how a post looks on a page, which may have nothing but a platform."""
    platform = long_name(str(page.get("platform") or ""))
    feed = FEEDS.get(platform, UNKNOWN_FEED)
    shown, hidden = cut_text(content.message or "", feed)
    media = [file.to_media() for file in files]
    findings = list(evaluate_content(content, platform, files=media, rules=rules))
    counts = [
        finding.summary
        for finding in findings
        if finding.field == "message" and KINDS[finding.rule.name].noun
    ] or [f"{len(content.message or ''):,} of {MAX_MESSAGE_CHARACTERS:,} characters"]
    warnings = [
        problem.message
        for problem in validate_content(content, platform, files=media, rules=RuleSet(()))
    ]
    warnings += [finding.reason for finding in findings if finding.is_broken]
    return PostPreview(
        platform,
        str(page.get("name") or page.get("username") or page.get("id") or ""),
        page_alias(page),
        at,
        content,
        shown,
        hidden,
        tuple(_list_media(content, files)),
        feed,
        _find_ratio(files, feed),
        tuple(counts) if content.message else (),
        tuple(dict.fromkeys(warnings)),
    )


def _list_media(content: PostContent, files: Sequence[MediaFile]) -> Iterator[PreviewedMedia]:
    for media_id in content.media_ids:
        yield PreviewedMedia(media_id, "uploaded already")
    for file in files:
        yield PreviewedMedia(file.path.name, _describe(file), file.mime.startswith("video/"), file)
    for url in content.media_urls:
        parts = urlsplit(url)
        name = parts.path.rpartition("/")[2] or url
        yield PreviewedMedia(name, f"at {parts.hostname}; not fetched", url=url)


def _describe(file: MediaFile) -> str:
    width, height, seconds = file.dimensions
    facts = [file.mime.partition("/")[2].upper(), format_size(file.size)]
    if width and height:
        facts.insert(1, f"{width:,} x {height:,}")
    if seconds:
        facts.append(format_seconds(seconds))
    return ", ".join(facts)


def _find_ratio(files: Sequence[MediaFile], feed: Feed) -> float:
    width, height, _ = files[0].dimensions if files else (None, None, None)
    ratio = width / height if width and height else 1.0
    return min(max(ratio, feed.min_ratio), feed.max_ratio)
