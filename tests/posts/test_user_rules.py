"""The user's own platform rules: `platforms.yaml`."""

import errno
import json
import os
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from outreply_cli.posts.user_rules import RULES_FILE, InvalidRulesError, load_rules
from outreply_cli.spec.platform_rules import DEFAULT_RULES, RULES, Rule
from outreply_cli.spec.platforms import PLATFORMS
from outreply_cli.spec.rule_kinds import KINDS


def write(directory: Path, text: str) -> Path:
    path = directory / RULES_FILE
    path.write_text(text, encoding="utf-8")
    return path


def values(directory: Path, platform: str) -> dict[str, object]:
    return {rule.name: rule.value for rule in load_rules(directory).select(platform)}


def test_without_a_file_the_table_is_active(tmp_path: Path) -> None:
    assert load_rules(tmp_path) is DEFAULT_RULES


@pytest.mark.parametrize("text", ["", "# nothing\n", "x:\n", "x: {}\ninstagram:\n", "---\n"])
def test_empty_file_changes_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    for platform in PLATFORMS:
        assert load_rules(tmp_path).select(platform.name) == DEFAULT_RULES.select(platform.name)


def test_rules_are_changed_added_and_turned_off(tmp_path: Path) -> None:
    write(
        tmp_path,
        """\
x:
  max_characters: 25000   # X Premium
  max_video_seconds: null
  min_video_ratio: 9:16
  max_video_size: 1.5 GB
IG:
  image_formats: [jpeg, PNG]
  clickable_links: true
facebook:
  max_hashtags: 5
""",
    )
    before = {rule.name: rule.value for rule in DEFAULT_RULES.select("twitter")}
    del before["max_video_seconds"]
    changed = {"max_characters": 25_000, "min_video_ratio": "9:16", "max_video_size": "1.5 GB"}
    assert values(tmp_path, "twitter") == before | changed
    assert values(tmp_path, "instagram")["image_formats"] == ("JPEG", "PNG")
    rules = load_rules(tmp_path)
    (added,) = [rule for rule in rules.select("facebook") if rule.name == "max_hashtags"]
    assert (added.value, added.source, added.entered_on) == (5, RULES_FILE, "")
    assert rules.check_plain_text("x" * 4_000, "x") == ()
    assert rules.check_plain_text("#a #b #c #d #e #f", "facebook") is None
    # Other platforms keep their rules.
    assert rules.select("linkedin") == DEFAULT_RULES.select("linkedin")


def test_built_in_table_is_a_valid_file(tmp_path: Path) -> None:
    lines = []
    for platform, rules in groupby(RULES, lambda rule: rule.platform):
        lines.append(f"{platform}:")
        lines += [f"  {r.name}: " + json.dumps(r.value).replace('"', "") for r in rules]
    write(tmp_path, "\n".join(lines))
    for platform in PLATFORMS:
        expected = {rule.name: rule.value for rule in DEFAULT_RULES.select(platform.name)}
        assert values(tmp_path, platform.name) == expected


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("instagrm:\n  max_hashtags: 3", 1, "unknown platform 'instagrm'; did you mean 'insta"),
        ("myspace: {}", 1, "unknown platform 'myspace'; use one of: facebook, instagram, "),
        ("x:\n  max_caracters: 3", 2, "unknown rule 'max_caracters'; did you mean 'max_ch"),
        ("x:\n  max_characters: many", 2, "max_characters: must be a whole number, or null "),
        ("x:\n  max_characters: -1", 2, "must be a whole number"),
        ("x:\n  max_characters: true", 2, "must be a whole number"),
        ("x:\n  max_characters:\n    a: 1", 3, "must be a whole number"),
        ("x:\n\n  max_video_seconds: 2m", 3, "must be a number of seconds"),
        ("x:\n  max_video_seconds: .nan", 2, "must be a number of seconds"),
        ("x:\n  max_image_size: 5000000", 2, "must be a size such as 8MB"),
        ("x:\n  min_video_ratio: wide", 2, "must be a ratio such as 4:5"),
        ("x:\n  min_video_ratio: 1:0", 2, "must be a ratio such as 4:5"),
        ("x:\n  mixed_media: maybe", 2, "must be true or false"),
        ("x:\n  image_formats: jpeg", 2, "must be a list of JPEG, PNG, GIF, WebP"),
        ("x:\n  image_formats: [jpeg, bmp]", 2, "must be a list of JPEG, PNG, GIF, WebP"),
        ("x:\n  required_media: gif", 2, "must be 'image or video' or 'video'"),
        ("x:\n  forbidden_characters: 3", 2, "must be characters in quotes"),
        ("x:\n  max_images: 1\n  max_images: 2", 3, "duplicate 'max_images'"),
        ("x: 280", 1, "must be a mapping of rules, such as `x:` with"),
        ("- x", 1, "must be a mapping of platforms, such as `x:` with"),
        ("? [x]\n: {}", 1, "a name must be text"),
        ("x: [", 1, "expected the node content"),
        ("x:\n  max_characters: !!python/name:os.system", 2, "could not determine a constructor"),
        ("x:\n\n  max_characters: \x1f", 3, "special characters are not allowed"),
        ("x:\n  max_characters: !!int many", 0, "not valid YAML"),
        ("a: &a [*a]", 1, "unknown platform 'a'"),
        ("[" * 5_000, 0, "not valid YAML"),
        ("#" * 100_001, 0, "the file has more than 100,000 bytes"),
    ],
)  # fmt: skip
def test_invalid_file_is_an_error_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidRulesError) as caught:
        load_rules(tmp_path)
    location = f"{path}:{line}" if line else str(path)
    assert caught.value.message.startswith(f"{location}: ")
    assert message in caught.value.message
    assert caught.value.hint == "See: outreply help platforms"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("instagrm: {}", ":1: unknown platform 'instagrm'; did you mean 'instagram'?"),
        ("myspace: {}", (":1: unknown platform 'myspace'; use one of: facebook, instagram, "
         "linkedin, tiktok, twitter, youtube")),
        ("x:\n  max_caracters: 3", (":2: unknown rule 'max_caracters'; "
         "did you mean 'max_characters'?")),
        ("x:\n  qqq: 3", f":2: unknown rule 'qqq'; use one of: {', '.join(KINDS)}"),
        ("x:\n  max_images: -1", (":2: max_images: must be a whole number, "
         "or null to turn the rule off")),
        ("x:\n  max_images: 1\n  max_images: 2", ":3: duplicate 'max_images'"),
        ("x: 280", (":1: must be a mapping of rules, such as `x:` with `max_characters: 25000` "
         "below")),
        ("- x", (":1: must be a mapping of platforms, such as `x:` with `max_characters: 25000` "
         "below")),
        ("? [x]\n: {}", ":1: a name must be text"),
        ("x:\n\n  max_characters: \x1f", ":3: special characters are not allowed"),
        ("\x1f\nx: {}", ":1: special characters are not allowed"),
        ("\n\x1f", ":2: special characters are not allowed"),
        ("x: {}\n---\nx: {}", ":2: but found another document"),
        ("x:\n  max_characters: !!int many", ": not valid YAML"),
        ("#" * 100_001, ": the file has more than 100,000 bytes"),
    ],
)  # fmt: skip
def test_message_of_an_invalid_file_names_the_problem(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidRulesError) as caught:
        load_rules(tmp_path)
    assert caught.value.message == f"{path}{message}"


def test_file_of_100_000_bytes_is_read(tmp_path: Path) -> None:
    write(tmp_path, "x: {max_characters: 9}\n#".ljust(100_000, "#"))
    assert values(tmp_path, "x")["max_characters"] == 9


def test_own_rule_replaces_the_value_and_has_no_date(tmp_path: Path) -> None:
    write(tmp_path, "x:\n  max_characters: 9")
    (rule,) = [rule for rule in load_rules(tmp_path).select("x") if rule.name == "max_characters"]
    assert rule == Rule("twitter", "max_characters", 9, RULES_FILE, entered_on="")


def test_rule_that_is_turned_off_twice_stays_off(tmp_path: Path) -> None:
    write(tmp_path, "facebook:\n  max_hashtags: null\n  max_images: ~")
    before = {rule.name for rule in DEFAULT_RULES.select("facebook")}
    assert set(values(tmp_path, "facebook")) == before - {"max_images"}


def test_ratio_that_yaml_reads_as_a_number_is_a_ratio(tmp_path: Path) -> None:
    write(tmp_path, "x:\n  min_video_ratio: 4:50\n  max_video_ratio: 1:30.5")
    found = values(tmp_path, "x")
    assert (found["min_video_ratio"], found["max_video_ratio"]) == ("4:50", "1:30.5")


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / RULES_FILE).mkdir()
    with pytest.raises(InvalidRulesError) as caught:
        load_rules(tmp_path)
    path = tmp_path / RULES_FILE
    assert caught.value.message == f"{path}: cannot read the file: {os.strerror(errno.EISDIR)}"
    (tmp_path / RULES_FILE).rmdir()
    (tmp_path / RULES_FILE).write_bytes(b"x:\n  \xff\n")
    with pytest.raises(InvalidRulesError, match=r"platforms\.yaml:2: the file .*save it as UTF-8"):
        load_rules(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    platform=st.sampled_from(["x", "instagram", "tiktok"]), name=st.sampled_from(sorted(KINDS)),
    value=st.text(st.sampled_from("015:.-eEMBG[]{},&*!|>'\"<na") | st.characters(), max_size=12),
)  # fmt: skip
def test_any_value_is_accepted_or_named(
    tmp_path: Path, platform: str, name: str, value: str
) -> None:
    write(tmp_path, f"{platform}:\n  {name}: {value}\n".encode("utf-8", "replace").decode())
    try:
        rules = load_rules(tmp_path).select(platform)
    except InvalidRulesError:
        return
    # What is accepted can be said and compared.
    for rule in rules:
        assert rule.requirement
        KINDS[rule.name].compare_as(rule.value)
