"""Kinds of platform rules: the meaning of a value, the measure of a post, and the wording."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field as dataclass_field
from functools import cache, cached_property, partial
from operator import mul, truediv
from typing import Any, NamedTuple

from outreply_cli.formats.dimensions import UNKNOWN, Dimensions
from outreply_cli.formats.sizes import format_size
from outreply_cli.spec.limits import MEGABYTE
from outreply_cli.spec.media_types import IMAGE_TYPES, VIDEO_TYPES
from outreply_cli.spec.platforms import platform_label

Value = int | float | str | tuple[str, ...]

# Widths and heights are whole numbers, so that a ratio is seldom exact.
_RATIO_TOLERANCE = 0.01
_HASHTAG = re.compile(r"(?<![&\w])[#\uff03](?=\w*[^\W\d_])\w+")
_MENTION = re.compile(r"(?<![\w.@])@\w+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(KB|MB|GB)", re.IGNORECASE)
_UNITS = {"KB": 1024, "MB": MEGABYTE, "GB": 1024 * MEGABYTE}
_RATIO = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)")
_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WebP",
    "video/mp4": "MP4",
    "video/quicktime": "MOV",
    "video/webm": "WebM",
}


@dataclass(frozen=True)
class Media:
    """An image or video of a post, as far as it is known.

    Attributes:
        field: Field of the post that holds it.
        name: Name for messages.
        mime: MIME type; None if unknown.
        size: Bytes; None if unknown.
        read: Function that reads the dimensions, which most rules do not need.
    """

    field: str
    name: str
    mime: str | None = None
    size: int | None = None
    read: Callable[[], Dimensions] = dataclass_field(default=lambda: UNKNOWN, compare=False)

    @property
    def kind(self) -> str | None:
        """`image` or `video`; None if unknown."""
        return None if self.mime is None else self.mime.split("/")[0]


@dataclass(frozen=True)
class PostFacts:
    """Facts of a post that rules check; `platform` is the long name of its platform."""

    platform: str
    message: str | None
    media: tuple[Media, ...] = ()

    @cached_property
    def length(self) -> int:
        """Length of the text as the platform counts it."""
        text = self.message or ""
        if self.platform == "twitter":
            from outreply_cli.spec.x_length import count_for_x

            return count_for_x(text)
        if self.platform == "tiktok":
            # UTF-16 code units.
            return len(text) + sum(character > "\uffff" for character in text)
        return len(text)

    def select(self, kind: str) -> list[Media]:
        """Return the media that are certainly of a kind."""
        return [medium for medium in self.media if medium.kind == kind]

    @property
    def media_field(self) -> str:
        """Field that holds the last image or video, or would."""
        return self.media[-1].field if self.media else "media_files"


class Measure(NamedTuple):
    """A property of a post or of one of its media.

    Attributes:
        value: Number or flag compared with the rule; None if unknown.
        fact: Returns the words for it, such as `the text has 31 hashtags`, or "".
        field: Field of the post that decides it.
        note: Explanation of how it is counted, or "".
    """

    value: float | str | None
    fact: Callable[[], str]
    field: str
    note: str = ""


def _nothing() -> str:
    return ""


_Measures = Callable[[PostFacts], Iterable[Measure]]


@dataclass(frozen=True)
class Kind:
    """A kind of rule.

    Attributes:
        measure: Yields what the rule checks.
        is_broken: Whether a measured value breaks a value of the rule.
        requirement: Text of the rule after the name of its platform, such as `allows at most 30
            hashtags`.
        check: Returns a value of the user's own file, normalized; raises ValueError with the form
            that it must have.
        compare_as: Function that converts a value to the form that is compared, such as bytes.
        noun: Counted unit, if the rule limits a number.
    """

    measure: _Measures
    is_broken: Callable[[Any, Any], bool]
    requirement: Callable[[Any], str]
    check: Callable[[object], Value]
    compare_as: Callable[[Any], Any] = lambda value: value
    noun: str = ""


@cache
def parse_size(text: str) -> float:
    """Return the bytes of `8MB`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("a size such as 8MB")
    return float(match[1]) * _UNITS[match[2].upper()]


@cache
def parse_ratio(text: str) -> float:
    """Return the quotient of `4:5`."""
    match = _RATIO.fullmatch(text)
    if match is None or not float(match[2]):
        raise ValueError("a ratio such as 4:5")
    return float(match[1]) / float(match[2])


def format_seconds(seconds: float) -> str:
    """Format a duration as rules say it: `2.5 s`, `140 s`, `15 min` or `12 h`."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length and seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f}".removesuffix(".0") + " s"


def _check(is_valid: Callable[[Any], bool], form: str) -> Callable[[object], Value]:
    def check(value: Any) -> Value:
        if not is_valid(value):
            raise ValueError(form)
        allowed: Value = value
        return allowed

    return check


_check_count = _check(lambda value: type(value) is int and value >= 0, "a whole number")
_check_seconds = _check(
    lambda value: type(value) in {int, float} and 0 <= value < 1e9, "a number of seconds"
)
_check_boolean = _check(lambda value: isinstance(value, bool), "true or false")


def _check_text(parse: Callable[[str], float]) -> Callable[[object], Value]:
    def check(value: object) -> Value:
        parse(str(value))
        return str(value)

    return check


def _check_formats(mimes: Iterable[str]) -> Callable[[object], Value]:
    names = {_FORMATS[mime].lower(): _FORMATS[mime] for mime in mimes}

    def check(value: object) -> Value:
        items = [str(item).lower() for item in value] if isinstance(value, list) else []
        if not items or not names.keys() >= set(items):
            raise ValueError(f"a list of {', '.join(names.values())}")
        return tuple(names[item] for item in items)

    return check


def _measure_length(post: PostFacts) -> Iterator[Measure]:
    if post.message:
        is_special = post.length != len(post.message)
        note = f" as {platform_label(post.platform)} counts them" if is_special else ""
        yield Measure(
            post.length,
            lambda: f"the text has {_count(post.length, 'characters')}{note}",
            "message",
            note,
        )


def _length_with(kind: str) -> _Measures:
    return lambda post: _measure_length(post) if post.select(kind) else ()


def _in_text(count: Callable[[str], int], noun: str) -> _Measures:
    def measure(post: PostFacts) -> Iterator[Measure]:
        if post.message:
            number = count(post.message)
            yield Measure(number, lambda: f"the text has {_count(number, noun)}", "message")

    return measure


def _count_links(text: str) -> int:
    from outreply_cli.spec.x_length import find_links

    return sum(1 for _ in find_links(text))


def _measure_characters(post: PostFacts) -> Iterator[Measure]:
    if post.message:
        yield Measure(post.message, _nothing, "message")


def _measure_required(post: PostFacts) -> Iterator[Measure]:
    kinds = {medium.kind for medium in post.media}
    if None in kinds:
        yield Measure(None, lambda: "the type of the media is unknown", post.media_field)
    else:
        yield Measure(" and ".join(sorted(map(str, kinds))), _nothing, post.media_field)


def _measure_number(kind: str | None) -> _Measures:
    def measure(post: PostFacts) -> Iterator[Measure]:
        media = post.select(kind) if kind else post.media
        if media:
            count, words = len(media), f"{kind}s" if kind else "images and videos"
            yield Measure(count, lambda: f"the post has {_count(count, words)}", post.media_field)

    return measure


def _measure_mix(post: PostFacts) -> Iterator[Measure]:
    images, videos = post.select("image"), post.select("video")
    if len(post.media) > 1 and (images or videos):
        kinds = "images and videos" if images and videos else "images" if images else "videos"
        yield Measure(bool(images and videos), lambda: f"the post has {kinds}", post.media_field)


def _measure_each(
    mimes: Iterable[str], get: Callable[[Media], Any], describe: Callable[[Media], str]
) -> _Measures:
    """Measure each file of a type; `get` returns its value, None if unknown."""
    wanted = frozenset(mimes)

    def measure(post: PostFacts) -> Iterator[Measure]:
        for medium in post.media:
            if medium.mime in wanted:
                value = get(medium)
                say = describe if value is not None else _describe_unknown
                yield Measure(value, partial(_join, medium, say), medium.field)

    return measure


def _join(medium: Media, describe: Callable[[Media], str]) -> str:
    return f"{medium.name} {describe(medium)}"


def _describe_unknown(_: Media) -> str:
    return "does not include this information"


def _describe_size(medium: Media) -> str:
    return f"is {format_size(medium.size or 0)}"


def _describe_sides(medium: Media) -> str:
    width, height, _ = medium.read()
    return f"is {width:,} x {height:,} pixels"


def _describe_seconds(medium: Media) -> str:
    return f"lasts {format_seconds(medium.read().seconds or 0)}"


def _combine_sides(combine: Callable[[int, int], float]) -> Callable[[Media], float | None]:
    def get(medium: Media) -> float | None:
        width, height, _ = medium.read()
        return None if width is None or height is None else combine(width, height)

    return get


def _maximum(measure: _Measures, noun: str) -> Kind:
    return Kind(
        measure,
        lambda value, limit: value > limit,
        lambda limit: f"allows at most {_count(limit, noun)}",
        _check_count,
        noun=noun,
    )


def _sizes(mimes: Iterable[str], noun: str, *, is_maximum: bool) -> Kind:
    words = "allows at most" if is_maximum else "requires at least"
    return Kind(
        _measure_each(mimes, lambda medium: medium.size, _describe_size),
        lambda value, limit: value > limit if is_maximum else value < limit,
        lambda limit: f"{words} {limit.replace(' ', '')[:-2]} {limit[-2:].upper()} for {noun}",
        _check_text(parse_size),
        parse_size,
    )


def _ratios(mimes: Iterable[str], noun: str, *, is_maximum: bool) -> Kind:
    words = "allows at most" if is_maximum else "requires at least"
    return Kind(
        _measure_each(mimes, _combine_sides(truediv), _describe_sides),
        lambda value, limit: (
            value > limit * (1 + _RATIO_TOLERANCE)
            if is_maximum
            else value < limit * (1 - _RATIO_TOLERANCE)
        ),
        lambda limit: f"{words} {limit} (width:height) for {noun}",
        _check_text(parse_ratio),
        parse_ratio,
    )


def _sides(*, is_maximum: bool) -> Kind:
    words = "allows at most" if is_maximum else "requires at least"
    return Kind(
        _measure_each(VIDEO_TYPES, _combine_sides(max if is_maximum else min), _describe_sides),
        lambda value, limit: value > limit if is_maximum else value < limit,
        lambda limit: f"{words} {limit:,} pixels for each side of a video",
        _check_count,
    )


def _durations(*, is_maximum: bool) -> Kind:
    words = "allows at most" if is_maximum else "requires at least"
    return Kind(
        _measure_each(VIDEO_TYPES, lambda medium: medium.read().seconds, _describe_seconds),
        lambda value, limit: value > limit if is_maximum else value < limit,
        lambda limit: f"{words} {format_seconds(limit)} for a video",
        _check_seconds,
    )


def _formats(mimes: Iterable[str], noun: str) -> Kind:
    return Kind(
        _measure_each(
            mimes,
            lambda medium: _FORMATS[str(medium.mime)],
            lambda medium: f"is {_FORMATS[str(medium.mime)]}",
        ),
        lambda name, allowed: name not in allowed,
        lambda allowed: f"allows {' or '.join(allowed)} {noun}",
        _check_formats(mimes),
    )


def _lacks_media(kinds: str, required: str) -> bool:
    return "video" not in kinds if required == "video" else not kinds


def _count(number: int, plural: str) -> str:
    if number != 1:
        return f"{number:,} {plural}"
    singular = re.sub(r"s\b", "", plural, count=1)
    return f"1 {singular.replace('and videos', 'or video')}"


_STILL_TYPES = tuple(mime for mime in IMAGE_TYPES if mime != "image/gif")

KINDS: Mapping[str, Kind] = {
    "required_media": Kind(
        _measure_required,
        _lacks_media,
        lambda value: "requires a video" if value == "video" else "requires an image or a video",
        _check(lambda value: value in ("image or video", "video"), "'image or video' or 'video'"),
    ),
    "max_characters": _maximum(_measure_length, "characters"),
    "max_characters_with_images": _maximum(_length_with("image"), "characters with images"),
    "max_characters_with_video": _maximum(_length_with("video"), "characters with a video"),
    "max_bytes": _maximum(
        _in_text(lambda text: len(text.encode("utf-8", "replace")), "bytes"), "bytes of text"
    ),
    "forbidden_characters": Kind(
        _measure_characters,
        lambda text, forbidden: any(character in text for character in forbidden),
        lambda value: f"does not allow {' or '.join(value)} in a text",
        _check(lambda value: isinstance(value, str) and value != "", "characters in quotes"),
    ),
    "max_hashtags": _maximum(
        _in_text(lambda text: len(_HASHTAG.findall(text)), "hashtags"), "hashtags"
    ),
    "max_mentions": _maximum(
        _in_text(lambda text: len(_MENTION.findall(text)), "mentions"), "mentions"
    ),
    "clickable_links": Kind(
        _in_text(_count_links, "links"),
        lambda count, is_clickable: bool(count) and not is_clickable,
        lambda value: f"{'makes' if value else 'does not make'} links in a text clickable",
        _check_boolean,
    ),
    "max_media": _maximum(_measure_number(None), "images and videos"),
    "max_images": _maximum(_measure_number("image"), "images"),
    "max_videos": _maximum(_measure_number("video"), "videos"),
    "mixed_media": Kind(
        _measure_mix,
        lambda is_mixed, is_allowed: is_mixed and not is_allowed,
        lambda value: f"allows images {'and videos' if value else 'or videos, not both'}",
        _check_boolean,
    ),
    "image_formats": _formats(IMAGE_TYPES, "images"),
    "video_formats": _formats(VIDEO_TYPES, "videos"),
    "max_image_size": _sizes(_STILL_TYPES, "an image", is_maximum=True),
    "max_gif_size": _sizes(("image/gif",), "a GIF", is_maximum=True),
    "min_video_size": _sizes(VIDEO_TYPES, "a video", is_maximum=False),
    "max_video_size": _sizes(VIDEO_TYPES, "a video", is_maximum=True),
    "min_image_ratio": _ratios(IMAGE_TYPES, "an image", is_maximum=False),
    "max_image_ratio": _ratios(IMAGE_TYPES, "an image", is_maximum=True),
    "min_video_ratio": _ratios(VIDEO_TYPES, "a video", is_maximum=False),
    "max_video_ratio": _ratios(VIDEO_TYPES, "a video", is_maximum=True),
    "max_image_pixels": _maximum(
        _measure_each(IMAGE_TYPES, _combine_sides(mul), _describe_sides),
        "pixels for an image",
    ),
    "min_video_side": _sides(is_maximum=False),
    "max_video_side": _sides(is_maximum=True),
    "min_video_seconds": _durations(is_maximum=False),
    "max_video_seconds": _durations(is_maximum=True),
}
