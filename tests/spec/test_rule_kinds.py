"""What each kind of rule says, measures and accepts."""

from itertools import count
from typing import Any

import pytest

from outreply_cli.formats.dimensions import Dimensions
from outreply_cli.spec.limits import MEGABYTE
from outreply_cli.spec.rule_kinds import (
    KINDS,
    Media,
    PostFacts,
    format_seconds,
    parse_ratio,
    parse_size,
)

JPEG, GIF, MP4, WEBM = "image/jpeg", "image/gif", "video/mp4", "video/webm"


def media(
    *mimes: str | None,
    size: int | None = None,
    width: int | None = None,
    height: int | None = None,
    seconds: float | None = None,
) -> tuple[Media, ...]:
    """Media named `file1`, `file2` and so on, in the fields `field1`, `field2` and so on."""
    dimensions = Dimensions(width, height, seconds)
    numbers = count(1)
    return tuple(
        Media(f"field{number}", f"file{number}", mime, size, lambda: dimensions)
        for mime, number in zip(mimes, numbers, strict=False)
    )


def measure(
    name: str, message: str | None = None, files: tuple[Media, ...] = (), platform: str = "linkedin"
) -> list[tuple[Any, str, str, str]]:
    """Value, fact, field and note of each measure of a kind."""
    measures = KINDS[name].measure(PostFacts(platform, message, files))
    return [(item.value, item.fact(), item.field, item.note) for item in measures]


@pytest.mark.parametrize(
    ("name", "value", "requirement"),
    [
        ("required_media", "video", "requires a video"),
        ("required_media", "image or video", "requires an image or a video"),
        ("max_characters", 2_200, "allows at most 2,200 characters"),
        ("max_characters_with_images", 9, "allows at most 9 characters with images"),
        ("max_characters_with_video", 9, "allows at most 9 characters with a video"),
        ("max_bytes", 5_000, "allows at most 5,000 bytes of text"),
        ("forbidden_characters", "<>", "does not allow < or > in a text"),
        ("max_hashtags", 30, "allows at most 30 hashtags"),
        ("max_mentions", 20, "allows at most 20 mentions"),
        ("clickable_links", True, "makes links in a text clickable"),
        ("clickable_links", False, "does not make links in a text clickable"),
        ("max_media", 10, "allows at most 10 images and videos"),
        ("max_media", 1, "allows at most 1 image or video"),
        ("max_videos", 1, "allows at most 1 video"),
        ("max_hashtags", 1, "allows at most 1 hashtag"),
        ("max_bytes", 1, "allows at most 1 byte of text"),
        ("max_characters_with_images", 1, "allows at most 1 character with images"),
        ("max_images", 4, "allows at most 4 images"),
        ("max_videos", 2, "allows at most 2 videos"),
        ("mixed_media", True, "allows images and videos"),
        ("mixed_media", False, "allows images or videos, not both"),
        ("image_formats", ("JPEG", "PNG"), "allows JPEG or PNG images"),
        ("video_formats", ("MP4",), "allows MP4 videos"),
        ("max_image_size", "8MB", "allows at most 8 MB for an image"),
        ("max_gif_size", "1.5 gb", "allows at most 1.5 GB for a GIF"),
        ("min_video_size", "75kb", "requires at least 75 KB for a video"),
        ("max_video_size", "300MB", "allows at most 300 MB for a video"),
        ("min_image_ratio", "4:5", "requires at least 4:5 (width:height) for an image"),
        ("max_image_ratio", "1.91:1", "allows at most 1.91:1 (width:height) for an image"),
        ("min_video_ratio", "1:3", "requires at least 1:3 (width:height) for a video"),
        ("max_video_ratio", "3:1", "allows at most 3:1 (width:height) for a video"),
        ("max_image_pixels", 36_152_319, "allows at most 36,152,319 pixels for an image"),
        ("min_video_side", 1_000, "requires at least 1,000 pixels for each side of a video"),
        ("max_video_side", 4_096, "allows at most 4,096 pixels for each side of a video"),
        ("min_video_seconds", 0.5, "requires at least 0.5 s for a video"),
        ("max_video_seconds", 900, "allows at most 15 min for a video"),
    ],
)
def test_requirement_is_described_in_words(name: str, value: Any, requirement: str) -> None:
    assert KINDS[name].requirement(value) == requirement


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("max_characters", "characters"), ("max_bytes", "bytes of text"), ("max_images", "images"),
        ("required_media", ""), ("max_image_size", ""), ("max_video_side", ""),
    ],
)  # fmt: skip
def test_only_a_kind_that_limits_a_number_has_a_noun(name: str, noun: str) -> None:
    assert KINDS[name].noun == noun


@pytest.mark.parametrize(
    ("name", "message", "value", "fact"),
    [
        ("max_characters", "é", 1, "the text has 1 character"),
        ("max_characters", "é" * 1_000, 1_000, "the text has 1,000 characters"),
        ("max_bytes", "é", 2, "the text has 2 bytes"),
        ("max_bytes", "a\ud800", 2, "the text has 2 bytes"),
        ("max_hashtags", "#a #b1 a#c &#d #1 ＃e", 3, "the text has 3 hashtags"),
        ("max_mentions", "@a a@b .@c @@d", 1, "the text has 1 mention"),
        ("clickable_links", "a.com and b.com", 2, "the text has 2 links"),
        ("clickable_links", "none", 0, "the text has 0 links"),
        ("forbidden_characters", "a > b", "a > b", ""),
    ],
)
def test_text_is_measured_and_described(name: str, message: str, value: object, fact: str) -> None:
    assert measure(name, message) == [(value, fact, "message", "")]
    assert measure(name, "") == measure(name, None) == []


@pytest.mark.parametrize(
    ("platform", "message", "length", "note"),
    [
        ("linkedin", "日\U0001f642", 2, ""),
        ("twitter", "日", 2, " as X counts them"),
        ("twitter", "abc", 3, ""),
        ("tiktok", "a\uffff\U00010000", 4, " as TikTok counts them"),
    ],
)
def test_length_is_measured_as_the_platform_counts(
    platform: str, message: str, length: int, note: str
) -> None:
    fact = f"the text has {length} characters{note}"
    assert measure("max_characters", message, platform=platform) == [
        (length, fact, "message", note)
    ]
    assert PostFacts(platform, None).length == 0


def test_length_with_images_or_videos_is_measured_only_with_them() -> None:
    expected = [(5, "the text has 5 characters", "message", "")]
    assert measure("max_characters_with_images", "Hello", media(JPEG)) == expected
    assert measure("max_characters_with_video", "Hello", media(MP4)) == expected
    assert measure("max_characters_with_images", "Hello", media(MP4)) == []
    assert measure("max_characters_with_video", "Hello", media(JPEG)) == []
    assert measure("max_characters_with_video", "", media(MP4)) == []


def test_required_media_are_the_kinds_that_a_post_has() -> None:
    assert measure("required_media") == [("", "", "media_files", "")]
    assert measure("required_media", None, media(MP4, JPEG)) == [
        ("image and video", "", "field2", "")
    ]
    assert measure("required_media", None, media(JPEG, None)) == [
        (None, "the type of the media is unknown", "field2", "")
    ]


@pytest.mark.parametrize(
    ("name", "value", "fact"),
    [
        ("max_media", 4, "the post has 4 images and videos"),
        ("max_images", 2, "the post has 2 images"),
        ("max_videos", 1, "the post has 1 video"),
    ],
)
def test_media_are_counted_by_kind(name: str, value: int, fact: str) -> None:
    files = media(JPEG, GIF, MP4, None)
    assert measure(name, None, files) == [(value, fact, "field4", "")]
    assert measure(name) == []


@pytest.mark.parametrize(
    ("mimes", "value", "fact"),
    [
        ((JPEG, MP4), True, "the post has images and videos"),
        ((JPEG, GIF), False, "the post has images"),
        ((MP4, None), False, "the post has videos"),
    ],
)
def test_mix_of_images_and_videos_is_detected(
    mimes: tuple[str | None, ...], value: object, fact: str
) -> None:
    assert measure("mixed_media", None, media(*mimes)) == [(value, fact, "field2", "")]


@pytest.mark.parametrize("mimes", [(), (JPEG,), (MP4,), (None, None), ("audio/mp4", None)])
def test_mix_of_fewer_than_two_known_media_is_not_measured(mimes: tuple[str | None, ...]) -> None:
    assert measure("mixed_media", None, media(*mimes)) == []


@pytest.mark.parametrize(
    ("name", "mime", "value", "fact"),
    [
        ("image_formats", JPEG, "JPEG", "file1 is JPEG"),
        ("image_formats", "image/webp", "WebP", "file1 is WebP"),
        ("video_formats", "video/quicktime", "MOV", "file1 is MOV"),
        ("video_formats", WEBM, "WebM", "file1 is WebM"),
        ("max_image_size", JPEG, 2_097_152, "file1 is 2.0 MB"),
        ("max_gif_size", GIF, 2_097_152, "file1 is 2.0 MB"),
        ("min_video_size", MP4, 2_097_152, "file1 is 2.0 MB"),
        ("max_video_size", MP4, 2_097_152, "file1 is 2.0 MB"),
        ("min_image_ratio", GIF, 2.5, "file1 is 2,500 x 1,000 pixels"),
        ("max_image_ratio", JPEG, 2.5, "file1 is 2,500 x 1,000 pixels"),
        ("min_video_ratio", MP4, 2.5, "file1 is 2,500 x 1,000 pixels"),
        ("max_video_ratio", MP4, 2.5, "file1 is 2,500 x 1,000 pixels"),
        ("max_image_pixels", JPEG, 2_500_000, "file1 is 2,500 x 1,000 pixels"),
        ("min_video_side", MP4, 1_000, "file1 is 2,500 x 1,000 pixels"),
        ("max_video_side", MP4, 2_500, "file1 is 2,500 x 1,000 pixels"),
        ("min_video_seconds", MP4, 90.0, "file1 lasts 90 s"),
        ("max_video_seconds", MP4, 90.0, "file1 lasts 90 s"),
    ],
)
def test_file_of_a_known_kind_is_measured_and_described(
    name: str, mime: str, value: object, fact: str
) -> None:
    known = media(mime, size=2 * MEGABYTE, width=2_500, height=1_000, seconds=90.0)
    assert measure(name, None, known) == [(value, fact, "field1", "")]
    other = media(MP4 if mime.startswith("image/") else JPEG, None)
    assert measure(name, None, other) == []
    if not name.endswith("_formats"):
        assert measure(name, None, media(mime)) == [
            (None, "file1 does not include this information", "field1", "")
        ]


def test_empty_file_has_no_bytes_and_lasts_no_seconds() -> None:
    empty = media(MP4, size=0, seconds=0.0)
    assert measure("min_video_size", None, empty) == [(0, "file1 is 0 bytes", "field1", "")]
    assert measure("min_video_seconds", None, empty) == [(0.0, "file1 lasts 0 s", "field1", "")]


def test_images_and_gifs_have_separate_limits() -> None:
    assert measure("max_image_size", None, media(GIF, size=1)) == []
    assert measure("max_gif_size", None, media(JPEG, size=1)) == []


def test_each_file_is_measured() -> None:
    found = measure("image_formats", None, media(JPEG, MP4, GIF))
    assert [(value, field) for value, _, field, _ in found] == [
        ("JPEG", "field1"),
        ("GIF", "field3"),
    ]


@pytest.mark.parametrize(("width", "height"), [(None, 9), (9, None)])
def test_file_with_one_side_has_no_known_ratio(width: int | None, height: int | None) -> None:
    found = measure("max_image_ratio", None, media(JPEG, width=width, height=height))
    assert found == [(None, "file1 does not include this information", "field1", "")]


@pytest.mark.parametrize(
    ("name", "limit", "allowed", "broken"),
    [
        ("required_media", "video", "image and video", "image"),
        ("required_media", "image or video", "image", ""),
        ("max_characters", 5, 5, 6),
        ("forbidden_characters", "<>", "a", "b>"),
        ("clickable_links", False, 0, 1),
        ("mixed_media", False, False, True),
        ("image_formats", ("JPEG", "PNG"), "PNG", "GIF"),
        ("max_image_size", 5.0, 5, 6),
        ("min_video_size", 5.0, 5, 4),
        ("min_image_ratio", 0.8, 0.792, 0.791),
        ("max_image_ratio", 2.0, 2.02, 2.021),
        ("min_video_side", 5, 5, 4),
        ("max_video_side", 5, 5, 6),
        ("min_video_seconds", 5, 5.0, 4.9),
        ("max_video_seconds", 5, 5.0, 5.1),
    ],
)
def test_value_within_a_limit_is_allowed_and_beyond_it_broken(
    name: str, limit: object, allowed: object, broken: object
) -> None:
    assert not KINDS[name].is_broken(allowed, limit)
    assert KINDS[name].is_broken(broken, limit)


@pytest.mark.parametrize(("name", "value"), [("mixed_media", True), ("clickable_links", 3)])
def test_allowed_mix_and_clickable_links_are_never_broken(name: str, value: object) -> None:
    allowed = True
    assert not KINDS[name].is_broken(value, allowed)


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("required_media", "video", "video"),
        ("required_media", "image or video", "image or video"),
        ("max_characters", 0, 0), ("max_media", 7, 7), ("max_video_side", 7, 7),
        ("forbidden_characters", "<", "<"), ("clickable_links", True, True),
        ("mixed_media", False, False), ("max_video_seconds", 0, 0),
        ("min_video_seconds", 999_999_999.5, 999_999_999.5), ("max_image_size", "1.5 gb", "1.5 gb"),
        ("max_image_ratio", "1.91:1", "1.91:1"),
        ("image_formats", ["jpeg", "WEBP", "Gif", "png"], ("JPEG", "WebP", "GIF", "PNG")),
        ("video_formats", ["mp4", "mov", "webm"], ("MP4", "MOV", "WebM")),
    ],
)  # fmt: skip
def test_valid_value_is_accepted(name: str, value: object, accepted: object) -> None:
    assert KINDS[name].check(value) == accepted


@pytest.mark.parametrize(
    ("form", "names", "values"),
    [
        ("a whole number", ("max_characters", "min_video_side"), (-1, 1.5, True, "5")),
        ("a number of seconds", ("min_video_seconds", "max_video_seconds"),
         (-1, 1e9, True, "5", float("nan"))),
        ("a size such as 8MB", ("max_image_size", "min_video_size"), (8, "8", "8TB", "x8MB", None)),
        ("a ratio such as 4:5", ("min_image_ratio", "max_video_ratio"), ("4", "4:0", "4:5:6", 4)),
        ("true or false", ("mixed_media", "clickable_links"), (0, 1, "true", None)),
        ("characters in quotes", ("forbidden_characters",), (3, "", None)),
        ("'image or video' or 'video'", ("required_media",), ("image", "", None, True)),
        ("a list of JPEG, PNG, GIF, WebP", ("image_formats",), ("jpeg", [], ["mp4"], [3], None)),
        ("a list of MP4, MOV, WebM", ("video_formats",), ("mp4", [], ["jpeg", "mp4"])),
    ],
)  # fmt: skip
def test_refused_value_names_the_form(
    form: str, names: tuple[str, ...], values: tuple[object, ...]
) -> None:
    for name in names:
        for value in values:
            with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
                KINDS[name].check(value)
            assert str(caught.value) == form, (name, value)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1KB", 1_024), ("8MB", 8_388_608), ("1.5 gb", 1_610_612_736), ("0MB", 0)],
)
def test_size_is_converted_to_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size
    assert KINDS["max_image_size"].compare_as(text) == size


def test_ratio_is_a_quotient() -> None:
    assert parse_ratio("4:5") == 0.8
    assert parse_ratio("1.5:0.5") == 3.0
    assert KINDS["max_image_ratio"].compare_as("4:5") == 0.8
    assert KINDS["max_images"].compare_as(4) == 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.5 s"), (3, "3 s"), (10, "10 s"), (119, "119 s"), (120, "2 min"), (60, "60 s"),
        (121, "121 s"), (900, "15 min"), (3_600, "60 min"), (7_200, "2 h"), (7_260, "121 min"),
        (43_200, "12 h"), (43_201, "43201 s"), (2.46, "2.5 s"),
    ],
)  # fmt: skip
def test_seconds_are_shown_in_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_kind_of_media_is_the_first_part_of_its_type() -> None:
    assert [medium.kind for medium in media(JPEG, MP4, None)] == ["image", "video", None]
    post = PostFacts("linkedin", None, media(JPEG, MP4, None))
    assert [medium.name for medium in post.select("video")] == ["file2"]
    assert post.media_field == "field3"
