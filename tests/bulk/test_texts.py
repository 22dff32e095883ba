"""One post with several texts: texts by platform, variables, and tagged links."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.utm import fill_templates, parse_utm, tag_content
from outreply_cli.bulk.yaml_reader import parse_yaml
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.posts.content import PostContent
from tests.bulk.test_bulk_schedule import get_summary
from tests.command_line import CommandLine

PAGES = "page: [facebook:acme, twitter:bluebird, linkedin:acme-co]"
AT = "scheduled_at: 2026-12-24 18:00"


def read_yaml(text: str) -> Calendar:
    calendar = Calendar("c.yaml", Path("/nowhere/c.yaml"))
    parse_yaml(calendar, text.encode())
    return calendar


def get_problems(calendar: Calendar) -> list[str]:
    return [problem.text for problem in calendar.problems]


def get_posts(emulator: EmulatorServer) -> dict[str, str]:
    """Return the texts of the posts that the server received, by platform."""
    rows = emulator.state.connection.execute(
        "SELECT pages.platform, message FROM posts JOIN pages ON pages.id = posts.page_id "
        "WHERE posts.status = 'scheduled' AND message LIKE '%!%'"
    )
    return {row["platform"]: row["message"] for row in rows}


FORMS = {
    "c.yaml": f"posts:\n- {PAGES}\n  {AT}\n"
    "  message: {default: Hi!, x: Short!, LinkedIn: Long!}\n",
    "d.yaml": f"posts:\n- {PAGES}\n  {AT}\n  message: Hi!\n  message_x: Short!\n"
    "  message_linkedin: Long!\n",
    "c.csv": "page,scheduled_at,message,message_x,Message LinkedIn\n"
    '"facebook:acme;twitter:bluebird;linkedin:acme-co",2026-12-24 18:00,Hi!,Short!,Long!\n',
    "c.json": json.dumps(
        [
            {
                "page": ["facebook:acme", "twitter:bluebird", "linkedin:acme-co"],
                "scheduled_at": "2026-12-24 18:00",
                "message": {"default": "Hi!", "twitter": "Short!", "LN": "Long!"},
            }
        ],
        indent=2,
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_platform_gets_its_own_text(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_text(FORMS[name])
    ran = cli.run("bulk", "schedule", str(path), "--json")
    assert get_summary(ran) == {"created": 3}, ran.err
    expected = {"facebook": "Hi!", "twitter": "Short!", "linkedin": "Long!"}
    assert get_posts(emulator) == expected
    assert get_summary(cli.run("bulk", "schedule", str(path), "--json")) == {"unchanged": 3}
    path.write_text(FORMS[name].replace("Short!", "Shorter!"))
    ran = cli.run("bulk", "schedule", str(path), "--json")
    assert get_summary(ran) == {"changed": 1, "unchanged": 2}
    assert get_posts(emulator) == {**expected, "twitter": "Shorter!"}


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("{default: a, mastodon: b}", "c.yaml:4: message: unknown platform 'mastodon'"),
        ("{x: a, twitter: b}", "c.yaml:4: message: duplicate platform 'twitter'"),
        ("{default: [a]}", "c.yaml:4: message: must be text, not a list"),
        ("{x: a}\n  message_x: b", "c.yaml:5: message_x: duplicate field message_x"),
    ],
)
def test_invalid_texts_by_platform_are_an_error(message: str, problem: str) -> None:
    (text,) = get_problems(read_yaml(f"posts:\n- {PAGES}\n  {AT}\n  message: {message}\n"))
    assert text.startswith(problem)


def test_platform_without_a_text_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"posts:\n- {PAGES}\n  {AT}\n  message: {{x: Hi!}}\n")
    ran = cli.run("bulk", "schedule", str(path))
    assert ran.code == 2
    assert "c.yaml:2: message: a message or media is required" in ran.err


def test_text_of_a_row_replaces_all_default_texts() -> None:
    text = (
        f"defaults:\n  {PAGES}\n  {AT}\n  message: {{default: a, x: b}}\n"
        "posts:\n- message: c\n- message_x: d\n- {message: {default: e, x: f}}\n- {key: g}\n"
    )
    rows = read_yaml(text).rows
    assert [(row.content.message, dict(row.messages)) for row in rows] == [
        ("c", {}), ("a", {"twitter": "d"}), ("e", {"twitter": "f"}), ("a", {"twitter": "b"}),
    ]  # fmt: skip


def test_variables_are_replaced_once_in_every_field(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "variables:\n  city: Paris\n  url: https://example.com/a?b={{c}}\n  year: 2027\n"
        "defaults: {page: facebook:acme, first_comment: 'In {{city}}'}\n"
        f"posts:\n- {AT}\n  link: '{{{{ url }}}}'\n"
        "  message: |\n    Hello {{ city }} {{year}},\n    {{{{ city }}}} is {{ not a variable }}\n"
    )
    calendar = load_calendar(str(path))
    assert get_problems(calendar) == []
    (row,) = calendar.rows
    assert row.content.message == ("Hello Paris 2027,\n{{ city }} is {{ not a variable }}\n")
    # The value of a variable is text, not a template.
    assert row.content.link == "https://example.com/a?b={{c}}"
    assert row.content.first_comment == "In Paris"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "message: Hi {{ citty }}",
            "c.yaml:5: message: unknown variable 'citty'; did you mean 'ci",
        ),
        ("message: |\n    Hi\n    {{ x }}", "c.yaml:7: message: unknown variable 'x'; add it to"),
        ("message: {x: 'Hi {{ y }}'}", "c.yaml:5: message_x: unknown variable 'y'"),
        ("message: a\n  link: '{{link}}'", "c.yaml:6: link: unknown variable 'link'"),
    ],
)
def test_unknown_variable_is_an_error_at_its_line(text: str, problem: str) -> None:
    document = f"variables: {{city: Paris}}\nposts:\n- {PAGES}\n  {AT}\n  {text}\n"
    (found,) = get_problems(read_yaml(document))
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ("[a]", "c.yaml:1: variables: not a mapping of names to texts"),
        ("{a b: c}", "c.yaml:1: variables: 'a b' is not a variable name"),
        ("{a: [b]}", "c.yaml:1: variables: a: must be text, not a list"),
        ("{a: b, a: c}", "c.yaml:1: a: duplicate key, also on line 1"),
    ],
)
def test_invalid_variables_are_an_error(variables: str, problem: str) -> None:
    document = f"variables: {variables}\nposts:\n- {PAGES}\n  {AT}\n  message: Hi\n"
    (found,) = get_problems(read_yaml(document))
    assert found.startswith(problem)


@given(st.text(max_size=40), st.text(max_size=20))
def test_variable_values_are_never_code(value: str, around: str) -> None:
    document = json.dumps(
        {
            "variables": {"v": value},
            "posts": [{"page": "a", "scheduled_at": "b", "message": f"<{{{{v}}}}> {around}"}],
        },
        ensure_ascii=True,
    )
    calendar = read_yaml(document)
    if calendar.problems or "{{" in around:
        return
    (row,) = calendar.rows
    shown = value if value.strip() else ""
    expected = f"<{shown}> {around}".replace("}}}}", "}}")
    assert row.content.message == expected.replace("\r\n", "\n").replace("\r", "\n")


def test_csv_text_has_no_variables(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("page,scheduled_at,message\na,b,Hi {{ name }}\n")
    (row,) = load_calendar(str(path)).rows
    assert row.content.message == "Hi {{ name }}"


@pytest.mark.parametrize(
    ("text", "tagged"),
    [
        ("See https://e.com.", "See https://e.com?utm_source=x."),
        ("https://e.com/a?b=c", "https://e.com/a?b=c&utm_source=x"),
        ("Seen https://e.com/a?", "Seen https://e.com/a?utm_source=x?"),
        ("https://e.com/a#top", "https://e.com/a?utm_source=x#top"),
        ("(https://e.com/a)", "(https://e.com/a?utm_source=x)"),
        ("https://e.com/a_(b)", "https://e.com/a_(b)?utm_source=x"),
        ("(see https://e.com/a_(b)).", "(see https://e.com/a_(b)?utm_source=x)."),
        ("https://e.com/a?utm_source=y", "https://e.com/a?utm_source=y"),
        ("https://e.com/a?utm_source=", "https://e.com/a?utm_source="),
        ("http://e.com, https://f.com!", "http://e.com?utm_source=x, https://f.com?utm_source=x!"),
        ("https://[bad", "https://[bad"),
        ("me@e.com ftp://e.com", "me@e.com ftp://e.com"),
    ],
)
def test_links_are_tagged(text: str, tagged: str) -> None:
    content, count = tag_content(PostContent(message=text), {"utm_source": "x"})
    assert content.message == tagged
    assert count == text.count("http") - (text == tagged) * text.count("http")
    assert tag_content(content, {"utm_source": "x"}) == (content, 0)


def test_template_values_are_escaped() -> None:
    templates = parse_utm("utm_campaign={key} {platform},term=a&b")
    assert fill_templates(templates, {"key": "x/y", "platform": "facebook"}) == {
        "utm_campaign": "x/y facebook", "utm_term": "a&b",
    }  # fmt: skip
    content, _ = tag_content(
        PostContent(link="https://e.com"), {"utm_campaign": "x/y z", "utm_term": "a&b"}
    )
    assert content.link == "https://e.com?utm_campaign=x%2Fy%20z&utm_term=a%26b"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://e.com/a_(b)", "https://e.com/a_(b)?utm_source=x"),
        ("https://e.com/?", "https://e.com/?utm_source=x"),
        ("https://e.com/a.", "https://e.com/a.?utm_source=x"),
    ],
)
def test_link_is_tagged_as_a_whole(link: str, expected: str) -> None:
    content, count = tag_content(PostContent(link=link), {"utm_source": "x"})
    assert (content.link, count) == (expected, 1)


UTM = "source={platform},campaign={key}"


def test_tagged_links_are_counted_and_stay(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    text = (
        "key,page,scheduled_at,message,link\n"
        "xmas,facebook:acme;twitter:bluebird,2026-12-24 18:00,Hi! https://e.com/a,https://e.com\n"
    )
    path.write_text(text)
    ran = cli.run("bulk", "schedule", str(path), "--utm", UTM, "--json")
    assert get_summary(ran) == {"created": 2}
    assert "c.csv: --utm added parameters to 4 links." in ran.err
    assert (
        get_posts(emulator)["twitter"] == "Hi! https://e.com/a?utm_source=twitter&utm_campaign=xmas"
    )
    assert path.read_text() == text
    # The option is remembered: a run without it must not change the links back.
    ran = cli.run("bulk", "schedule", str(path), "--json")
    assert get_summary(ran) == {"unchanged": 2}
    assert f"c.csv: using the remembered options --utm '{UTM}' (--forget" in ran.err
    ran = cli.run("bulk", "schedule", str(path), "--forget", "--json", "--dry-run")
    assert get_summary(ran) == {"changed": 2}


def test_link_without_the_value_of_a_placeholder_is_an_error(
    cli: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        "page,scheduled_at,message\nfacebook:acme,2026-12-24 18:00,No link\n"
        "facebook:acme,2026-12-25 18:00,https://e.com\n"
    )
    ran = cli.run("bulk", "schedule", str(path), "--utm", UTM)
    assert ran.code == 2
    assert ran.err.count("c.csv:3: key: --utm requires a key for its links") == 1
    assert "c.csv:2" not in ran.err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("source", "'source' is not PARAMETER=VALUE"),
        ("sauce=x", "unknown parameter 'sauce'"),
        ("source={platfrom}", "unknown placeholder {platfrom}"),
        ("source=", "source has no value"),
    ],
)
def test_invalid_utm_options_are_rejected(
    cli: CommandLine, tmp_path: Path, option: str, words: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("page,scheduled_at,message\nfacebook:acme,2026-12-24 18:00,Hi\n")
    ran = cli.run("bulk", "schedule", str(path), "--utm", option)
    assert ran.code == 2
    assert words in ran.err


def test_options_are_remembered_per_file(cli: CommandLine, tmp_path: Path) -> None:
    text = "Wann,Wo,Was\n24/12/2026 18:00,Acme,Hi!\n"
    options = ("--columns", "Wann=scheduled_at,Wo=page,Was=message", "--pages",
               "Acme=facebook:acme", "--date-order", "dmy")  # fmt: skip
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(text)
    second.write_text(text.replace("Hi!", "Ho!"))
    assert cli.run("bulk", "schedule", str(first), *options, "--dry-run").code == 0
    # A dry run remembers nothing.
    assert cli.run("bulk", "schedule", str(first)).code == 2
    assert cli.run("bulk", "schedule", str(first), *options).code == 0
    for words in (("schedule",), ("status",), ("reconcile",)):
        ran = cli.run("bulk", *words, str(first))
        assert ran.code == 0, ran.err
        assert "a.csv: using the remembered options --columns" in ran.err
    assert cli.run("bulk", "schedule", str(second)).code == 2
    ran = cli.run("bulk", "schedule", str(first), "--pages", "Acme=instagram:acme", "--json")
    assert get_summary(ran) == {"created": 1}, ran.err
    for path in (cli.home / "state" / "calendars").iterdir():
        path.write_text("damaged")
    assert cli.run("bulk", "schedule", str(first)).code == 2


@pytest.mark.parametrize("is_copied", [False, True])
def test_renamed_or_copied_file_keeps_its_options(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, is_copied: bool
) -> None:
    path, final = tmp_path / "plan.csv", tmp_path / "final" / "plan.csv"
    row = "2026-12-24 18:00,Hi! https://e.com/a\n"
    path.write_text(f"scheduled_at,message\n{row}")
    options = ("--page", "facebook:acme", "--utm", "source=x")
    assert cli.run("bulk", "schedule", str(path), *options).code == 0
    final.parent.mkdir()
    final.write_bytes(path.read_bytes())
    if not is_copied:
        path.unlink()
    ran = cli.run("bulk", "schedule", str(final), "--json")
    assert get_summary(ran) == {"unchanged": 1}, ran.err
    assert "using the remembered options --page facebook:acme --utm source=x" in ran.err
    assert get_posts(emulator)["facebook"] == "Hi! https://e.com/a?utm_source=x"
    # Now they are also those of the new path, whatever its content is.
    final.write_text(f"scheduled_at,message\n{row.replace('Hi', 'Ho')}")
    assert get_summary(cli.run("bulk", "schedule", str(final), "--json")) == {"changed": 1}
    assert get_posts(emulator)["facebook"] == "Ho! https://e.com/a?utm_source=x"


@pytest.mark.parametrize("words", [("--name", "other"), ("--utm", "source=y"), ("--forget",)])
def test_copy_with_separate_options_gets_no_others(
    cli: CommandLine, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path, copy = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text("scheduled_at,message\n2026-12-24 18:00,Hi\n")
    assert cli.run("bulk", "schedule", str(path), "--page", "x:bluebird").code == 0
    copy.write_bytes(path.read_bytes())
    ran = cli.run("bulk", "schedule", str(copy), *words)
    assert ran.code == 2
    assert "remembered" not in ran.err
    assert "page: missing column" in ran.err


def test_copies_with_different_options_are_ambiguous(cli: CommandLine, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.csv" for name in "abc"]
    for path in paths:
        path.write_text("scheduled_at,message\n2026-12-24 18:00,Hi\n")
    options = [("--page", "x:bluebird"), ("--page", "facebook:acme")]
    for path, words in zip(paths, options, strict=False):
        assert cli.run("bulk", "schedule", str(path), *words).code == 0
    ran = cli.run("bulk", "schedule", str(paths[2]))
    assert ran.code == 2
    assert "which had different options" in ran.err
    # Both ways out.
    ran = cli.run("bulk", "schedule", str(paths[2]), *options[0], "--json")
    assert get_summary(ran) == {"unchanged": 1}, ran.err
    assert "page: missing column" in cli.run("bulk", "schedule", str(paths[2]), "--forget").err


def test_saved_plan_has_the_remembered_options(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    path, plan = tmp_path / "a.csv", tmp_path / "a.plan"
    path.write_text("Was,page,scheduled_at\nHi!,facebook:acme,2026-12-24 18:00\n")
    assert cli.run("bulk", "schedule", str(path), "--columns", "Was=message").code == 0
    path.write_text("Was,page,scheduled_at\nHo!,facebook:acme,2026-12-24 18:00\n")
    assert cli.run("bulk", "plan", str(path), "-o", str(plan)).code == 0
    assert "Was=message" in plan.read_text()
    assert cli.run("bulk", "apply", str(plan)).code == 0
    # What was remembered since does not change what was reviewed.
    path.write_text("Was,Wer,page,scheduled_at\nHa!,x,facebook:acme,2026-12-24 18:00\n")
    words = (str(path), "--columns", "Was=message,Wer=")
    assert cli.run("bulk", "plan", *words, "-o", str(plan)).code == 0
    assert cli.run("bulk", "schedule", str(path), "--columns", "Wer=message,Was=").code == 0
    assert cli.run("bulk", "apply", str(plan)).code == 0
    assert get_posts(emulator) == {"facebook": "Ha!"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('[{"page": "a",}]', "c.json:1: invalid JSON:"),
        ('{"posts": [\n{"page" "a"}]}', "c.json:2: invalid JSON:"),
        ("[1]", "c.json:1: posts: not a mapping of fields"),
        ('{"posts": [\n{"page": "a", "scheduled_at": "b",\n "mesage": "c"}]}',
         "c.json:3: mesage: unknown field 'mesage'; did you mean 'message'?"),
        ("3", "c.json:1: the file is not a calendar"),
        ('[{"page": "a", "scheduled_at": NaN}]', "c.json:1: invalid JSON: NaN"),
    ],
)  # fmt: skip
def test_json_problems_have_lines(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    calendar = load_calendar(str(path))
    assert any(text.endswith(text) and problem in text for text in get_problems(calendar))


@given(st.text(min_size=1, max_size=60))
def test_json_text_is_read_exactly(text: str) -> None:
    for is_ascii in (True, False):
        document = json.dumps(
            [{"page": "a", "scheduled_at": "b", "message": text}], ensure_ascii=is_ascii
        )
        calendar = read_yaml(document)
        if not text.strip() or calendar.problems or "{{" in text or "}}" in text:
            continue
        expected = text.replace("\r\n", "\n").replace("\r", "\n")
        assert calendar.rows[0].content.message == expected
