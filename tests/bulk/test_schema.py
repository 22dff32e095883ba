"""The JSON Schema of calendars agrees with their reader."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from jsonschema import Draft202012Validator

from outreply_cli.bulk.calendar import (
    ALIASES,
    FIELD_TABLE,
    FIELDS,
    LIST_FIELDS,
    MAX_KEY_CHARACTERS,
    PLATFORM_MESSAGES,
    VARIANT_FIELDS,
    Calendar,
)
from outreply_cli.bulk.schema import calendar_schema
from outreply_cli.bulk.yaml_reader import parse_yaml
from tests.command_line import CommandLine
from tests.fuzzing.targets.calendars import TARGETS

VALIDATOR = Draft202012Validator(calendar_schema())
ROW = {"page": "x:a", "scheduled_at": "2026-12-24 18:00"}
SERIES = {**ROW, "repeat": "every thu"}


class EditorLoader(yaml.SafeLoader):
    """YAML as editors load it: dates are text."""


EditorLoader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(content: str | bytes) -> Calendar:
    calendar = Calendar("c.yaml", Path("/nonexistent/c.yaml"))
    parse_yaml(calendar, content.encode() if isinstance(content, str) else content)
    return calendar


def test_schema_is_valid_and_describes_every_field() -> None:
    schema = calendar_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$defs"]["row"]["properties"].keys() == {*FIELDS, *ALIASES}
    for field in FIELD_TABLE:
        assert schema["$defs"][field.name]["description"].lower() == field.help.lower()
    messages = schema["$defs"]["message"]["anyOf"][1]["properties"]
    names = {name.removeprefix("message_") for name in PLATFORM_MESSAGES.values()}
    assert messages.keys() == {"default", *names}
    variant = schema["$defs"]["variants"]["items"]["anyOf"][1]["properties"]
    assert tuple(variant) == VARIANT_FIELDS
    assert schema["$defs"]["key"]["maxLength"] == MAX_KEY_CHARACTERS


@pytest.mark.parametrize("field", FIELD_TABLE, ids=lambda field: field.name)
def test_example_of_each_field_is_accepted(field: Any, tmp_path: Path) -> None:
    is_json = field.kind in {"object", "variants"}
    value = json.loads(field.example) if is_json else field.example
    base = SERIES if field.name == "variants" else ROW
    row = {key: base[key] for key in base if key != field.name} | {field.name: value}
    if field.name in {"date", "time"}:
        row = {"page": "x:a", "date": "2026-12-24", "time": "18:00"} | {field.name: value}
    VALIDATOR.validate({"posts": [row]})
    problems = read(json.dumps({"posts": [row]})).problems
    assert [problem.text for problem in problems if "file not found" not in problem.text] == []


def test_calendars_of_the_corpus_are_accepted() -> None:
    (target,) = (target for target in TARGETS if target.name == "calendar-yaml")
    accepted = [seed for seed in target.seeds if read(seed).rows and not read(seed).problems]
    assert len(accepted) >= 3
    for seed in accepted:
        VALIDATOR.validate(yaml.load(seed, EditorLoader))  # noqa: S506 - a subclass of SafeLoader


@pytest.mark.parametrize(
    ("calendar", "path"),
    [
        ({"posts": [{**ROW, "mesage": "Hi"}]}, "posts.0"),
        ({"posts": [ROW], "post": []}, ""),
        ({"posts": [ROW], "defaults": {"mesage": "Hi"}}, "defaults"),
        ({"posts": []}, "posts"),
        ({}, ""),
        ({"posts": [{**SERIES, "scheduled_at": "next-slot"}]}, "posts.0.scheduled_at"),
        ({"posts": [{"page": "x:a", "repeat": "every tue until 2027-03"}]}, "posts.0"),
        ({"posts": [{"scheduled_at": "2026-12-24 18:00"}]}, "posts.0"),
        ({"posts": [{**ROW, "date": "2026-12-24"}]}, "posts.0"),
        ({"posts": [{"page": "x:a", "date": "2026-12-24"}]}, "posts.0"),
        ({"posts": [{**ROW, "page": []}]}, "posts.0.page"),
        ({"posts": [{**ROW, "page": None}]}, "posts.0.page"),
        ({"posts": [{**ROW, "key": "k" * 201}]}, "posts.0.key"),
        ({"posts": [{**ROW, "message": ["Hi"]}]}, "posts.0.message"),
        ({"posts": [{**ROW, "message": "Hi", "message_file": "hi.txt"}]}, "posts.0"),
        ({"posts": [{**ROW, "page_id": "1"}]}, "posts.0"),
        ({"posts": [{**ROW, "media_files": "https://e.com/a.jpg"}]}, "posts.0.media_files"),
        ({"posts": [{**ROW, "tiktok_settings": [1]}]}, "posts.0.tiktok_settings"),
        ({"posts": ["x:a"]}, "posts.0"),
        ({"posts": [{**ROW, "message": {"myspace": "Hi"}}]}, "posts.0.message"),
        ({"posts": [{**ROW, "message": {"x": ["Hi"]}}]}, "posts.0.message"),
        ({"posts": [{**ROW, "message": {"x": "Hi"}, "message_x": "Hi"}]}, "posts.0"),
        ({"posts": [{**ROW, "message_twitter": "Hi", "message_x": "Hi"}]}, "posts.0"),
        ({"posts": [ROW], "variables": {"a b": "c"}}, "variables"),
        ({"posts": [ROW], "variables": {"a": ["c"]}}, "variables.a"),
        ({"posts": [{**ROW, "variants": ["a"]}]}, "posts.0"),
        ({"posts": [{**SERIES, "repeat": "", "variants": ["a"]}]}, "posts.0.repeat"),
        ({"posts": [{**SERIES, "variants": "a"}]}, "posts.0.variants"),
        ({"posts": [{**SERIES, "variants": []}]}, "posts.0.variants"),
        ({"posts": [{**SERIES, "variants": [{"key": "a"}]}]}, "posts.0.variants.0"),
        ([ROW, {"scheduled_at": "2026-12-24 18:00"}], "1"),
        ([], ""),
    ],
)
def test_invalid_calendar_is_rejected_by_schema_and_reader(calendar: Any, path: str) -> None:
    errors = list(VALIDATOR.iter_errors(calendar))
    assert {".".join(map(str, error.absolute_path)) for error in errors} == {path}
    read_calendar = read(json.dumps(calendar))
    assert read_calendar.problems or not read_calendar.rows


# Letters that YAML, separators and URLs could give a meaning.
TEXTS = st.text("ab0 :/;,#-\n'\"é", max_size=6) | st.sampled_from(
    ["x:a", "2026-12-24", "18:00", "https://e.com/a.jpg", "a; https://e.com/b.jpg"]
)
SCALARS = TEXTS | st.integers(-5, 5) | st.booleans() | st.none() | st.floats(-2, 2)
OBJECTS = st.dictionaries(TEXTS, SCALARS | st.lists(SCALARS, max_size=2), max_size=2)
MESSAGES = st.dictionaries(st.sampled_from(["default", "x", "linkedin"]), SCALARS)
VARIANTS = st.lists(
    TEXTS
    | MESSAGES.map(lambda texts: {"message": texts})
    | st.fixed_dictionaries({"media_urls": SCALARS}),
    max_size=2,
)
VALUES = {
    name: SCALARS | st.lists(SCALARS, max_size=3)
    if name in LIST_FIELDS
    else SCALARS | MESSAGES
    if name == "message"
    else st.sampled_from(["every tue until 2027-03", "RRULE:FREQ=DAILY", "", None])
    if name == "repeat"
    else VARIANTS
    if name == "variants"
    else OBJECTS | st.just('{"a": [1]}') | st.none()
    if name == "tiktok_settings"
    else SCALARS
    for name in FIELDS
    # Its file would have to exist.
    if name != "message_file"
} | {alias: SCALARS | st.lists(SCALARS, max_size=3) for alias in ALIASES}
TIMES = st.sampled_from(
    [{"scheduled_at": "2026-12-24 18:00"}, {"date": "2026-12-24", "time": "18:00"}, {}]
)
ROWS = st.builds(
    lambda page, time, other: {**page, **time, **other},
    st.sampled_from([{"page": "x:a"}, {"page": ["x:a", "x:b"]}, {}]),
    TIMES,
    st.lists(st.sampled_from(sorted(VALUES)), max_size=2, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: VALUES[name] for name in names})
    ),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.lists(ROWS, min_size=1, max_size=2, unique_by=lambda row: str(row.get("key"))),
    st.none() | ROWS,
    st.sampled_from([{}, {"variables": {"a": 1}}, None]),
)
def test_reader_accepts_what_the_schema_accepts(
    posts: list[dict[str, Any]], defaults: dict[str, Any] | None, top: dict[str, Any] | None
) -> None:
    calendar: Any = posts
    if top is not None:
        calendar = {"posts": posts, **top} | (
            {"defaults": defaults} if defaults is not None else {}
        )
    assume(VALIDATOR.is_valid(calendar))
    problems = read(json.dumps(calendar)).problems
    # What depends on several rows, or on rows and defaults.
    known = (
        "duplicate key",
        "not used, because each variant has a message",
        "`variants` requires `repeat`",
    )
    assert [problem.text for problem in problems if not problem.message.startswith(known)] == []


def test_schema_command_prints_the_calendar_schema(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("bulk", "schema")
    assert result.code == 0
    assert json.loads(result.out) == calendar_schema()
    assert result.out.startswith('{\n  "$schema"')
    assert json.loads(cli_logged_out.run("bulk", "schema", "--json").out) == calendar_schema()


def test_yaml_template_names_schema_and_matches_it(cli_logged_out: CommandLine) -> None:
    text = cli_logged_out.run("bulk", "template", "yaml").out
    first, second, *_ = text.splitlines()
    name = first.removeprefix("# yaml-language-server: $schema=")
    assert second.endswith(f"outreply bulk schema > {name}")
    VALIDATOR.validate(yaml.load(text, EditorLoader))  # noqa: S506 - a subclass of SafeLoader


def test_json_calendar_may_name_its_schema() -> None:
    calendar = {"$schema": "outreply-calendar.schema.json", "posts": [ROW]}
    VALIDATOR.validate(calendar)
    assert read(json.dumps(calendar)).problems == []


def test_topic_lists_every_field(cli_logged_out: CommandLine) -> None:
    lines = cli_logged_out.run("help", "calendar").out.splitlines()
    for field in FIELD_TABLE:
        if field.name not in PLATFORM_MESSAGES.values():
            assert any(line.split(None, 1) == [field.name, field.help] for line in lines), field
    assert [line.split()[0] for line in lines if line.startswith("  message_")] == [
        "message_x", "message_file", "message_file",
    ]  # fmt: skip
