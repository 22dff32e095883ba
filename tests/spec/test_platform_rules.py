"""Each rule of a platform, with a post on either side of it."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, strategies as st

from outreply_cli.media.files import StorageLimits, inspect
from outreply_cli.spec.limits import MEGABYTE
from outreply_cli.spec.platform_rules import (
    DEFAULT_RULES,
    RULES,
    Rule,
    RuleSet,
    evaluate_rules,
    find_refusal,
)
from outreply_cli.spec.platforms import PLATFORMS
from outreply_cli.spec.rule_kinds import KINDS, Media, PostFacts, Value
from tests.media.sized_files import ROTATED, gif, jpeg, movie_header, mp4, png, track, webm, webp

# A text, or the media of a post: files, or the MIME types of what is only named.
Post = str | Sequence[bytes | str]
IMAGE, VIDEO = "image/jpeg", "video/mp4"
_HASHTAGS = " ".join(f"#tag{number}" for number in range(31))
_MENTIONS = " ".join(f"@user{number}" for number in range(21))
_RULES = {(rule.platform, rule.name): rule for rule in RULES}


def pad_png(size: int) -> bytes:
    """A PNG of `size` bytes."""
    return png(10, 10, padding=size - len(png(10, 10)))


def video(size: int) -> bytes:
    """The head of an MP4 of `size` bytes; the rest is written as a hole."""
    head = mp4(10, 10, 10)
    return mp4(10, 10, 10, size=size - len(head))


def clip(seconds: float) -> bytes:
    return mp4(640, 360, seconds)


def frame(width: int, height: int) -> bytes:
    return mp4(width, height, 10)


# For each rule: posts that it allows, and posts that break it.
CASES: dict[tuple[str, str], tuple[list[Post], list[Post]]] = {
    ("facebook", "max_images"): ([[IMAGE] * 10], [[IMAGE] * 11]),
    ("facebook", "mixed_media"): ([[IMAGE] * 2], [[IMAGE, VIDEO]]),
    ("facebook", "image_formats"): ([[png(9, 9)], [gif(9, 9)]], [[webp(9, 9)]]),
    ("facebook", "max_image_size"): ([[pad_png(4 * MEGABYTE)]], [[pad_png(4 * MEGABYTE + 1)]]),
    ("instagram", "required_media"): ([[IMAGE], [VIDEO]], ["text"]),
    ("instagram", "max_characters"): (["x" * 2_200], ["x" * 2_201]),
    ("instagram", "max_hashtags"): ([_HASHTAGS.removesuffix("#tag30"), "# #1 a#b"], [_HASHTAGS]),
    ("instagram", "max_mentions"): ([_MENTIONS.removesuffix("@user20")], [_MENTIONS]),
    ("instagram", "clickable_links"): (["e.g. this", "3.5"], ["See example.com", "http://a.co"]),
    ("instagram", "max_media"): ([[IMAGE, VIDEO] * 5], [[IMAGE] * 10 + [VIDEO]]),
    ("instagram", "image_formats"): ([[jpeg(9, 9)]], [[png(9, 9)], [webp(9, 9)]]),
    ("instagram", "max_image_size"): ([[pad_png(8 * MEGABYTE)]], [[pad_png(8 * MEGABYTE + 1)]]),
    ("instagram", "min_image_ratio"): (
        [[jpeg(1080, 1350)], [jpeg(1350, 1080, 6)]], [[jpeg(1080, 1920)], [jpeg(1920, 1080, 6)]]
    ),
    ("instagram", "max_image_ratio"): ([[jpeg(1080, 565)]], [[jpeg(1080, 540)]]),
    ("instagram", "video_formats"): ([[clip(9)]], [[webm(9, 9, 9)]]),
    ("instagram", "max_video_size"): ([[video(300 * MEGABYTE)]], [[video(300 * MEGABYTE + 1)]]),
    ("instagram", "min_video_seconds"): ([[clip(3)]], [[clip(2.9)]]),
    ("instagram", "max_video_seconds"): ([[clip(900)]], [[clip(900.5)]]),
    ("linkedin", "max_characters"): (["日" * 3_000], ["x" * 3_001]),
    ("linkedin", "max_images"): ([[IMAGE] * 20], [[IMAGE] * 21]),
    ("linkedin", "max_videos"): ([[VIDEO]], [[VIDEO] * 2]),
    ("linkedin", "mixed_media"): ([[IMAGE] * 2], [[IMAGE, VIDEO]]),
    ("linkedin", "image_formats"): ([[png(9, 9)]], [[webp(9, 9)]]),
    ("linkedin", "max_image_pixels"): ([[png(6_000, 6_025)]], [[png(6_000, 6_026)]]),
    ("linkedin", "video_formats"): ([[clip(9)]], [[mp4(9, 9, 9, brand=b"qt  ")]]),
    ("linkedin", "min_video_size"): ([[video(75 * 1024)]], [[video(75 * 1024 - 1)]]),
    ("linkedin", "max_video_size"): ([[video(500 * MEGABYTE)]], [[video(500 * MEGABYTE + 1)]]),
    ("linkedin", "min_video_seconds"): ([[clip(3)]], [[clip(2.9)]]),
    ("linkedin", "max_video_seconds"): ([[clip(1_800)]], [[clip(1_801)]]),
    ("tiktok", "required_media"): ([[IMAGE], [VIDEO]], ["text"]),
    ("tiktok", "max_images"): ([[IMAGE] * 35], [[IMAGE] * 36]),
    ("tiktok", "max_videos"): ([[VIDEO]], [[VIDEO] * 2]),
    ("tiktok", "mixed_media"): ([[IMAGE] * 2], [[IMAGE, VIDEO]]),
    ("tiktok", "image_formats"): ([[jpeg(9, 9)], [webp(9, 9)]], [[png(9, 9)]]),
    ("tiktok", "max_image_size"): ([[pad_png(20 * MEGABYTE)]], [[pad_png(20 * MEGABYTE + 1)]]),
    ("tiktok", "max_video_seconds"): ([[clip(600)]], [[webm(640, 360, 601)]]),
    ("tiktok", "min_video_side"): ([[frame(640, 360)]], [[frame(640, 359)], [frame(359, 640)]]),
    ("tiktok", "max_video_side"): ([[frame(4_096, 400)]], [[frame(4_097, 400)]]),
    ("twitter", "max_characters"): (
        ["日" * 140, "x" * 256 + " example.com"], ["日" * 141, "x" * 257 + " example.com"]
    ),
    ("twitter", "max_images"): ([[IMAGE] * 4], [[IMAGE] * 5]),
    ("twitter", "max_videos"): ([[VIDEO]], [[VIDEO] * 2]),
    ("twitter", "mixed_media"): ([[IMAGE] * 2], [[IMAGE, VIDEO]]),
    ("twitter", "max_image_size"): ([[pad_png(5 * MEGABYTE)]], [[pad_png(5 * MEGABYTE + 1)]]),
    ("twitter", "max_gif_size"): ([[gif(9, 9, 6 * MEGABYTE)]], [[gif(9, 9, 15 * MEGABYTE)]]),
    ("twitter", "max_video_size"): ([[video(512 * MEGABYTE)]], [[video(512 * MEGABYTE + 1)]]),
    ("twitter", "min_video_seconds"): ([[clip(0.5)]], [[clip(0.4)]]),
    ("twitter", "max_video_seconds"): ([[clip(140)]], [[clip(140.5)]]),
    ("twitter", "min_video_ratio"): ([[frame(100, 300)]], [[frame(100, 310)]]),
    ("twitter", "max_video_ratio"): (
        [[frame(300, 100)], [mp4(0, 0, 0, movie_header(9), track(100, 300, ROTATED))]],
        [[frame(310, 100)]],
    ),
    ("youtube", "required_media"): ([[VIDEO], [IMAGE, VIDEO]], ["text", [IMAGE]]),
    ("youtube", "max_bytes"): (["é" * 2_500], ["é" * 2_501]),
    ("youtube", "forbidden_characters"): (["a and b"], ["a > b", "<b>"]),
    ("youtube", "max_videos"): ([[VIDEO]], [[VIDEO] * 2]),
    ("youtube", "max_video_seconds"): ([[clip(43_200)]], [[clip(43_201)]]),
}  # fmt: skip
# Both limit the text only together with media.
WITH_MEDIA = {
    ("tiktok", "max_characters_with_video"): (VIDEO, 2_200),
    ("tiktok", "max_characters_with_images"): (IMAGE, 4_000),
}


def test_every_rule_has_a_case() -> None:
    assert set(CASES) | set(WITH_MEDIA) == set(_RULES)
    assert len(_RULES) == len(RULES)


def test_every_kind_has_a_rule() -> None:
    assert {rule.name for rule in RULES} == set(KINDS)


def test_table_is_complete() -> None:
    for rule in RULES:
        assert rule.platform in {platform.name for platform in PLATFORMS}
        assert urlsplit(rule.source).scheme == "https"
        assert rule.entered_on == "2026-11-28"
        value = list(rule.value) if isinstance(rule.value, tuple) else rule.value
        assert KINDS[rule.name].check(value) == rule.value


def facts(platform: str, post: Post, directory: Path) -> PostFacts:
    if isinstance(post, str):
        return PostFacts(platform, post)
    names = count()
    return PostFacts(
        platform,
        None,
        tuple(
            Media("media_urls", f"file{next(names)}", item)
            if isinstance(item, str)
            else write(directory / f"file{next(names)}", item)
            for item in post
        ),
    )


def write(path: Path, content: bytes) -> Media:
    with path.open("wb") as file:
        file.write(content)
        # The last box of a video announces the size of its data.
        announced = int.from_bytes(content[-8:], "big") - 16
        if content[-12:-8] == b"mdat" and announced > 0:
            file.truncate(len(content) + announced)
    return inspect(path, StorageLimits()).to_media()


def find_broken(rule: Rule, post: PostFacts) -> list[bool | None]:
    return [finding.is_broken for finding in evaluate_rules([rule], post)]


@pytest.mark.parametrize(("platform", "name"), CASES)
def test_each_rule_allows_and_refuses_its_cases(platform: str, name: str, tmp_path: Path) -> None:
    rule = _RULES[platform, name]
    allowed, broken = CASES[platform, name]
    for post in allowed:
        found = find_broken(rule, facts(platform, post, tmp_path))
        assert found
        assert not any(found), post
        assert None not in found
    for post in broken:
        known = facts(platform, post, tmp_path)
        assert any(find_broken(rule, known)), post
        reasons = [f.reason for f in evaluate_rules([rule], known) if f.is_broken]
        assert all(rule.requirement in reason for reason in reasons)
        if rule.is_enforced:
            assert find_refusal(known) is not None


@pytest.mark.parametrize(("platform", "name"), WITH_MEDIA)
def test_text_limit_with_media_applies_only_with_media(platform: str, name: str) -> None:
    mime, limit = WITH_MEDIA[platform, name]
    media = (Media("media_urls", "file", mime),)
    # Characters outside of the basic plane count twice.
    for text, is_broken in (("x" * limit, False), ("x" * (limit - 1) + "\U0001f642", True)):
        post = PostFacts(platform, text, media)
        assert find_broken(_RULES[platform, name], post) == [is_broken]
        assert (find_refusal(post) is not None) == is_broken
    assert find_broken(_RULES[platform, name], PostFacts(platform, "x" * 9_000)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.platform} {rule.name}")
def test_unknown_media_break_no_rule(rule: Rule) -> None:
    unknown = (("m1", None), ("a", "video/"), ("a.mp4", VIDEO), ("a.jpg", IMAGE))
    for media in (Media("media_urls", name, mime) for name, mime in unknown):
        if rule.name == "required_media" and media.kind == "image":
            continue
        assert True not in find_broken(rule, PostFacts(rule.platform, None, (media,)))


def test_soft_rules_are_not_refusals() -> None:
    media = tuple(Media("media_urls", f"{number}.png", "image/png") for number in range(9))
    for message in (_HASHTAGS, _MENTIONS, "See example.com"):
        assert find_refusal(PostFacts("instagram", message, media)) is None


def test_own_rules_replace_those_of_the_table() -> None:
    own = RuleSet([Rule("twitter", "max_characters", 5, "platforms.yaml", entered_on="")])
    (finding,) = evaluate_rules(own.select("X"), PostFacts("twitter", "longer"))
    assert finding.message == (
        "the text has 6 characters, but X allows at most 5 characters (platforms.yaml)"
    )
    assert own.select("facebook") == own.select("mastodon") == []


@given(
    text=st.text(
        st.sampled_from("ab .#@/:<>") | st.characters(min_codepoint=32, max_codepoint=126),
        max_size=120,
    ).map(lambda text: text * 4),
    platform=st.sampled_from([*(platform.name for platform in PLATFORMS), "x", "IG", "mastodon"]),
    own=st.sampled_from([
        DEFAULT_RULES,
        RuleSet([Rule("twitter", "max_characters", 60, ""), Rule("facebook", "max_bytes", 50, ""),
                 Rule("linkedin", "max_hashtags", 1, ""), Rule("linkedin", "max_mentions", 1, ""),
                 Rule("tiktok", "clickable_links", value=False, source=""),
                 Rule("youtube", "forbidden_characters", "a", "")]),
    ]),
)  # fmt: skip
def test_fast_path_finds_the_same_broken_rules(text: str, platform: str, own: RuleSet) -> None:
    found = own.check_plain_text(text, platform)
    if found is not None:
        rules = own.select(platform)
        name = rules[0].platform if rules else platform
        findings = evaluate_rules(rules, PostFacts(name, text))
        assert list(found) == [(item.field, item.message) for item in findings if item.is_broken]


def test_fast_path_knows_short_texts() -> None:
    for platform in ("facebook", "linkedin", "x", "mastodon"):
        assert DEFAULT_RULES.check_plain_text("We are open. See example.com #now", platform) == ()
    for platform in ("instagram", "tiktok", "youtube"):
        ((field, message),) = DEFAULT_RULES.check_plain_text("We are open", platform) or ()
        assert field == "media_files"
        assert "requires" in message
    assert DEFAULT_RULES.check_plain_text("x" * 281, "x") is None
    assert DEFAULT_RULES.check_plain_text("See example.com", "instagram") is None


def plain(text: str, *limits: tuple[str, Value], platform: str = "facebook") -> object:
    """What the fast path finds with rules of a platform that have these names and values."""
    rules = RuleSet([Rule(platform, name, value, "") for name, value in limits])
    return rules.check_plain_text(text, platform)


@pytest.mark.parametrize(
    ("limits", "allowed", "unknown"),
    [
        ([("max_characters", 9)], "x" * 9, "x" * 10),
        ([("max_bytes", 9)], "x" * 9, "x" * 10),
        ([("max_bytes", 9), ("max_characters", 8)], "x" * 8, "x" * 9),
        ([("forbidden_characters", "<>")], "a.b#c@d", "a>"),
        ([("forbidden_characters", "<>")], "", "<"),
        ([("max_hashtags", 1), ("max_mentions", 0)], "#.", "##"),
        ([("max_hashtags", 0), ("max_mentions", 1)], "@.", "@@"),
        ([("clickable_links", False)], "#@", "."),
    ],
)
def test_fast_path_ends_where_a_rule_may_be_broken(
    limits: list[tuple[str, Value]], allowed: str, unknown: str
) -> None:
    assert plain(allowed, *limits) == ()
    assert plain(unknown, *limits) is None


def test_fast_path_allows_links_that_are_clickable() -> None:
    assert plain("e.com", ("clickable_links", True)) == ()
    assert plain("XL e.com #a @b") == ()


def test_fast_path_counts_a_dot_as_a_link_on_x_only() -> None:
    limit = ("max_characters", 30)
    assert plain("x" * 10 + ".", limit, platform="twitter") == ()
    assert plain("x" * 11 + ".", limit, platform="twitter") is None
    assert plain("..", ("max_characters", 40), platform="twitter") == ()
    assert plain("..", ("max_characters", 39), platform="twitter") is None
    assert plain("x" * 29 + ".", limit) == ()


def test_fast_path_finds_missing_media_by_any_name_of_the_platform() -> None:
    rules = RuleSet([Rule("instagram", "required_media", "video", "e.com", entered_on="now")])
    message = "Instagram requires a video (e.com, now)"
    for name in ("instagram", "IG", "Instagram"):
        assert rules.check_plain_text("x", name) == (("media_files", message),)
        # Its limits are kept.
        assert rules.check_plain_text("y", name) is rules.check_plain_text("x", name)
    assert rules.check_plain_text("x", "facebook") == ()


def test_rules_of_one_platform_are_kept_in_order() -> None:
    first, other, second = (
        Rule("twitter", "max_images", 1, ""),
        Rule("facebook", "max_images", 2, ""),
        Rule("twitter", "max_videos", 3, ""),
    )
    rules = RuleSet([first, other, second])
    assert rules.select("x") == [first, second]
    assert rules.select("fb") == [other]


def test_finding_says_what_the_post_has_and_what_the_platform_allows() -> None:
    hashtags = Rule("instagram", "max_hashtags", 1, "https://e.com", entered_on="2026-11-28")
    (finding,) = evaluate_rules([hashtags], PostFacts("instagram", "#a #b"))
    assert finding.is_broken is True
    assert finding.field == "message"
    reason = "the text has 2 hashtags, but Instagram allows at most 1 hashtag"
    assert finding.reason == reason
    assert finding.message == f"{reason} (https://e.com, 2026-11-28)"
    assert finding.summary == "2 of 1 hashtags"


def test_summary_of_a_finding_without_a_number_is_its_fact_or_the_requirement() -> None:
    media = (Media("media_urls", "a.png", "image/png", 2_048),)
    rules = [
        Rule("x", "max_image_size", "1KB", ""), Rule("x", "required_media", "video", ""),
        Rule("x", "max_image_pixels", 9, ""),
    ]  # fmt: skip
    found = [finding.summary for finding in evaluate_rules(rules, PostFacts("x", None, media))]
    assert found == [
        "a.png is 2.0 KB",
        "requires a video",
        "a.png does not include this information",
    ]


def test_summary_says_how_characters_were_counted() -> None:
    rule = Rule("twitter", "max_characters", 1_000, "")
    (finding,) = evaluate_rules([rule], PostFacts("twitter", "日" * 600))
    assert finding.is_broken
    assert finding.summary == "1,200 of 1,000 characters as X counts them"


def test_unknown_measure_neither_breaks_nor_satisfies_a_rule() -> None:
    media = (Media("media_urls", "a.png", "image/png"),)
    rule = Rule("twitter", "max_image_size", "1KB", "")
    assert find_broken(rule, PostFacts("twitter", None, media)) == [None]


def test_refusal_follows_the_rules_of_the_platform() -> None:
    text = "x" * 2_201
    expected = "the text has 2,201 characters, but Instagram allows at most 2,200 characters"
    media = (Media("media_urls", "a.jpg", IMAGE),)
    assert find_refusal(PostFacts("instagram", text, media)) == expected
    assert find_refusal(PostFacts("instagram", None)) == "Instagram requires an image or a video"
    assert find_refusal(PostFacts("facebook", text, media)) is None
    assert find_refusal(PostFacts("mastodon", text)) is None
