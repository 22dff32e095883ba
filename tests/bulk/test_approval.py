"""Approval of calendars: what is hashed, what is sent, and what is held."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from outreply_cli.api.client import Client
from outreply_cli.bulk.approval import RowVersion, name_versions
from outreply_cli.bulk.calendar import ReadSettings
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.offline import pages_from_names
from outreply_cli.bulk.resolve import RowResolver
from outreply_cli.media.files import StorageLimits
from outreply_cli.times import parse_zone
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result
from tests.media.sample_files import png

NAMES = ("key", "page", "scheduled_at", "message", "media_files", "first_comment", "link",
         "tiktok_settings", "media_urls", "media_ids")  # fmt: skip
Row = Mapping[str, str]


def to_csv(rows: Sequence[Row], names: Sequence[str] = NAMES, newline: str = "\n") -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, restval="", lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def read_versions(path: Path) -> list[RowVersion]:
    calendar = load_calendar(str(path), ReadSettings())
    zone = parse_zone("UTC")
    now = ManualClock().now()
    resolved = RowResolver(
        calendar, pages_from_names(calendar), zone=zone, brand_zone=lambda _: "UTC", now=now,
        storage=StorageLimits(), has_secret=lambda _: False, latest=now + timedelta(days=75),
    ).resolve()  # fmt: skip
    assert not calendar.problems
    return name_versions(resolved.posts)


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20
).map(lambda text: f"Text {text}\nand more")
rows = st.fixed_dictionaries(
    {
        "page": st.sampled_from(["facebook:acme", "x:bluebird", "Bluebird at Home"]),
        "scheduled_at": st.datetimes(
            min_value=ManualClock().now().replace(tzinfo=None) + timedelta(days=1),
            max_value=ManualClock().now().replace(tzinfo=None) + timedelta(days=60),
        ).map(lambda at: f"{at:%Y-%m-%d %H:%M}"),
        "message": texts,
        "media_files": st.sampled_from(["", "a.png", "a.png;b.png"]),
        "first_comment": st.one_of(st.just(""), texts),
        "link": st.sampled_from(["", "https://example.com/a"]),
        "tiktok_settings": st.sampled_from(["", '{"privacy_level": "SELF_ONLY", "a": 1}']),
        "media_urls": st.sampled_from(["", "https://cdn.example.com/a.jpg"]),
    }
)
CHANGES: Mapping[str, str] = {
    "page": "facebook:other", "scheduled_at": "2027-01-30 23:59", "message": "Another text",
    "media_files": "c.png", "first_comment": "Another comment", "link": "https://example.com/b",
    "tiktok_settings": '{"privacy_level": "PUBLIC"}', "media_urls": "https://cdn.example.com/b.jpg",
    "media_ids": "m1",
}  # fmt: skip


@given(row=rows, names=st.permutations(NAMES), newline=st.sampled_from(["\n", "\r\n"]))
def test_hash_depends_only_on_what_is_sent(
    tmp_path_factory: pytest.TempPathFactory, row: Row, names: list[str], newline: str
) -> None:
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    for directory in (here, there):
        for name in ("a", "b", "c"):
            (directory / f"{name}.png").write_bytes(png(name.encode()))
    first, second = here / "one.csv", there / "another.csv"
    first.write_text(to_csv([row]), newline="")
    lines = to_csv([{**row, "key": "renamed"}], names, newline)
    second.write_bytes(b"\xff\xfe" + lines.replace("\r\n", "\n").encode("utf-16-le"))
    (known,) = read_versions(first)
    assert read_versions(second)[0].digest == known.digest
    assert len(known.digest) == 64
    for name, value in CHANGES.items():
        second.write_text(to_csv([{**row, name: value}]), newline="")
        assert read_versions(second)[0].digest != known.digest, name
    # The same name with other bytes is another picture.
    if row["media_files"]:
        second.write_text(to_csv([row]), newline="")
        (there / "a.png").write_bytes(png(b"new"))
        assert read_versions(second)[0].digest != known.digest


PAGES = ("facebook:acme", "x:bluebird", "Bluebird at Home")


def make_rows(count: int = 6) -> list[dict[str, str]]:
    return [
        {
            "key": f"k{n}",
            "page": PAGES[n % 3],
            "scheduled_at": f"2026-12-{1 + n:02} 09:00",
            "message": f"Row {n}",
        }
        for n in range(count)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "launch.csv"
    path.write_text(to_csv(make_rows()))
    return path


def copy_without_token(cli: CommandLine) -> CommandLine:
    environ = {name: value for name, value in cli.environ.items() if "OUTREPLY_API" not in name}
    return CommandLine(cli.home.with_name("client"), cli.clock, environ | {"HOME": str(cli.home)})


def get_versions(cli: CommandLine, path: Path) -> list[dict[str, Any]]:
    shown = cli.run("bulk", "preview", str(path), "--json")
    assert shown.code == 0, shown.err
    return list(json.loads(shown.out))


def approve(
    cli: CommandLine,
    path: Path,
    wanted: Callable[[dict[str, Any]], bool],
    *,
    rejected: Callable[[dict[str, Any]], bool] = lambda _: False,
) -> Path:
    """Write the approval that a page would save."""
    items = get_versions(cli, path)
    document = {
        "format": "outreply-approval",
        "version": 1,
        "calendar": path.name,
        "approved_by": "Jane Doe",
        "approved_at": "2026-11-23T11:00:00.123Z",
        "rows": [
            {"row": item["row"], "hash": item["hash"], "comment": ""}
            for item in items
            if wanted(item)
        ],
        "rejected": [
            {"row": item["row"], "hash": item["hash"], "comment": "Too loud"}
            for item in items
            if rejected(item)
        ],
    }
    approval = path.with_name("jane.json")
    approval.write_text(json.dumps(document))
    return approval


def schedule(cli: CommandLine, path: Path, approval: Path | None, *words: str) -> Result:
    approved = ("--approved", str(approval)) if approval is not None else ()
    return cli.run("bulk", "schedule", str(path), *approved, "--json", *words)


def list_scheduled(client: Client) -> dict[str, str]:
    return {str(post["message"]): str(post["id"]) for post in client.scheduled_posts().items}


def test_only_approved_rows_are_sent_and_logged(
    cli: CommandLine, client: Client, path: Path
) -> None:
    before = list_scheduled(client)
    # Somebody else saw the file, without an account.
    approval = approve(copy_without_token(cli), path, lambda item: item["key"] != "k1")
    ran = schedule(cli, path, approval)
    assert ran.code == 0, ran.err
    assert list_scheduled(client).keys() - before.keys() == {f"Row {n}" for n in (0, 2, 3, 4, 5)}
    assert json.loads(ran.out)["summary"]["created"] == 5
    assert "1 post without approval is skipped" in ran.err
    again = schedule(cli, path, approval)
    assert json.loads(again.out)["summary"]["unchanged"] == 5
    log = json.loads(cli.run("store", "log", "--json").out)
    approved = [event for event in log if event["action"] == "approved"]
    assert {event["id"] for event in approved} == set(list_scheduled(client).values()) - set(
        before.values()
    )
    assert {(event["user"], event["host"], event["at"]) for event in approved} == {
        ("Jane Doe", "", "2026-11-23T11:00:00Z")
    }
    assert "Jane Doe\t" in cli.run("store", "log").out


def test_edited_row_is_held_and_named(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "launch.csv"
    rows = make_rows()
    for number in (3, 4):
        del rows[number]["key"]
    path.write_text(to_csv(rows))
    approval = approve(cli, path, lambda _: True)
    rows[0]["message"] += ", edited"
    rows[1]["scheduled_at"] = "2026-12-20 10:00"
    # Without keys: another text, and another time.
    rows[3]["message"] += ", edited"
    rows[4]["scheduled_at"] = "2026-12-21 10:00"
    path.write_text(to_csv(rows))
    ran = schedule(cli, path, approval)
    assert ran.code == 0, ran.err
    assert list_scheduled(client).keys() & {f"Row {n}" for n in range(6)} == {"Row 2", "Row 5"}
    assert not any("edited" in message for message in list_scheduled(client))
    lines = [line for line in ran.err.splitlines() if "no longer approved" in line]
    assert "edited after Jane Doe approved it" in lines[0]
    for number in (2, 3, 5, 6):
        assert any(f"{path}:{number}" in line for line in lines), ran.err
    assert "without approval" not in ran.err


def test_scheduled_posts_stay_until_their_new_version_is_approved(
    cli: CommandLine, client: Client, path: Path
) -> None:
    assert schedule(cli, path, None).code == 0
    first = list_scheduled(client)
    rows = make_rows()
    rows[0]["message"], rows[1]["message"] = "New 0", "New 1"
    path.write_text(to_csv(rows))
    approval = approve(cli, path, lambda item: item["key"] == "k0")
    ran = schedule(cli, path, approval)
    assert ran.code == 0, ran.err
    posts = list_scheduled(client)
    assert "Row 0" not in posts
    assert posts["Row 1"] == first["Row 1"]
    assert "New 0" in posts
    assert "New 1" not in posts
    summary = json.loads(ran.out)["summary"]
    assert (summary["changed"], summary["unchanged"], summary["created"]) == (1, 5, 0)


def test_prune_cancels_nothing_while_a_new_row_is_not_approved(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "launch.csv"
    rows = [{name: row[name] for name in row if name != "key"} for row in make_rows()]
    path.write_text(to_csv(rows))
    assert schedule(cli, path, None).code == 0
    # With another text and time, the last row looks like a removed row and a new one.
    rows[5] = {**rows[5], "message": "All is new here", "scheduled_at": "2026-12-25 12:00"}
    path.write_text(to_csv(rows))
    approval = approve(cli, path, lambda item: item["message"] != "All is new here")
    ran = schedule(cli, path, approval, "--prune")
    assert ran.code == 0, ran.err
    assert "--prune cancels nothing until every new post of the file is approved" in ran.err
    assert "Row 5" in list_scheduled(client)
    approval = approve(cli, path, lambda _: True)
    ran = schedule(cli, path, approval, "--prune")
    assert ran.code == 0, ran.err
    assert "Row 5" not in list_scheduled(client)
    assert "All is new here" in list_scheduled(client)


def test_rejected_row_is_held_with_its_comment(
    cli: CommandLine, client: Client, path: Path
) -> None:
    approval = approve(
        cli, path, lambda item: item["key"] == "k0", rejected=lambda item: item["key"] == "k1"
    )
    ran = schedule(cli, path, approval)
    assert f"{path}:3: not approved by Jane Doe: Too loud" in ran.err
    assert "4 posts without approval are skipped" in ran.err
    assert list_scheduled(client).keys() & {f"Row {n}" for n in range(6)} == {"Row 0"}
    # An approval of the same content under another key does not override the rejection.
    rows = make_rows()
    rows[1]["key"], rows[0]["key"] = "other", "k1"
    path.write_text(to_csv(rows))
    schedule(cli, path, approval)
    assert list_scheduled(client).keys() & {f"Row {n}" for n in range(6)} == {"Row 0"}


def test_spread_row_needs_an_approval_of_its_time(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "launch.csv"
    rows = [{**row, "page": "linkedin:acme-co"} for row in make_rows(2)]
    rows[1]["scheduled_at"] = rows[0]["scheduled_at"]
    path.write_text(to_csv(rows))
    ran = schedule(cli, path, approve(cli, path, lambda _: True), "--spread")
    assert "no longer approved" in ran.err
    assert list_scheduled(client).keys() & {"Row 0", "Row 1"} == {"Row 0"}


def test_equal_rows_at_slots_are_counted(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "launch.csv"
    path.write_text("page,message\n" + "facebook:acme,Again\n" * 3)
    assert cli.run("slots", "set", "facebook:acme", "daily 09:00").code == 0
    rows = iter(range(3))
    ran = schedule(cli, path, approve(cli, path, lambda _: next(rows) < 2))
    assert ran.code == 0, ran.err
    posts = [post for post in client.scheduled_posts().items if post["message"] == "Again"]
    assert len(posts) == 2


@pytest.mark.parametrize("is_approved", [False, True])
def test_row_that_got_a_key_keeps_its_approval(
    cli: CommandLine, client: Client, tmp_path: Path, *, is_approved: bool
) -> None:
    path = tmp_path / "launch.csv"
    assert cli.run("slots", "set", "facebook:acme", "daily 09:00").code == 0
    path.write_text("key,page,message\n,facebook:acme,Again\n")
    approval = approve(cli, path, lambda _: True)
    assert get_created(schedule(cli, path, approval)) == 1
    path.write_text("key,page,message\nk,facebook:acme,Again\n")
    assert get_created(schedule(cli, path, approval)) == 0
    # The API has forgotten the key of the first request.
    cli.clock.advance(25 * 3600)
    path.write_text("key,page,message\n,facebook:acme,Again\nk,facebook:acme,Again\n")
    if is_approved:
        approval = approve(cli, path, lambda _: True)
    ran = schedule(cli, path, approval)
    assert ran.code == 0, ran.err
    assert get_created(ran) == is_approved
    assert ("1 post without approval is skipped" in ran.err) is not is_approved


def get_created(ran: Result) -> int:
    return int(json.loads(ran.out)["summary"]["created"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "invalid JSON"),
        ('{"format":\n "x"', "jane.json:2: invalid JSON"),
        ("[]", "not an outreply approval file"),
        ('{"format": "outreply-store"}', "not an outreply approval file"),
        ('{"format": "outreply-approval", "version": 2}', "another version"),
        ({"rows": {}}, "rows: must be a list"),
        ({"rows": [3]}, "rows[0]: must be an object"),
        ({"rows": [{"row": "a"}]}, "rows[0].hash: must be text"),
        ({"rows": [{"row": "a", "hash": "A" * 64}]}, "rows[0].hash: must be a SHA-256"),
        ({"rows": [{"row": "a", "hash": "0" * 64, "comment": 1}]}, "rows[0].comment: must be text"),
        (
            {
                "rows": [{"row": "a", "hash": "0" * 64}],
                "rejected": [{"row": "a", "hash": "0" * 64}],
            },
            "rejected[0].row: duplicate 'a'",
        ),
        ({"rows": []}, "neither approves nor rejects any post"),
        ({"approved_by": " "}, "approved_by"),
        ({"approved_by": "x" * 201}, "at most 200 characters"),
        ({"approved_at": "yesterday"}, "approved_at: must be a time"),
        ({}, "the approval is for 'spring', and has no row of"),
        (b"\xff\xfe\xff", "UTF"),
        (b" " * (16 * 2**20 + 1), "larger than 16 MB"),
    ],
)
def test_unusable_approval_is_refused(
    cli: CommandLine, client: Client, path: Path, content: object, reason: str
) -> None:
    before = list_scheduled(client)
    base = {
        "format": "outreply-approval", "version": 1, "calendar": "spring", "approved_by": "Jane",
        "approved_at": "2026-11-23T11:00:00Z", "rows": [{"row": "a", "hash": "0" * 64}],
    }  # fmt: skip
    if isinstance(content, dict):
        content = json.dumps(base | content)
    approval = path.with_name("jane.json")
    approval.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    ran = cli.run("bulk", "schedule", str(path), "--approved", str(approval))
    assert ran.code == 2
    assert reason in ran.err
    assert "Use " in ran.err
    assert list_scheduled(client) == before


def test_missing_approval_is_refused(cli: CommandLine, path: Path) -> None:
    ran = cli.run("bulk", "schedule", str(path), "--approved", "nowhere.json")
    assert (ran.code, ran.out) == (2, "")
    assert "--approved: cannot read nowhere.json: No such file" in ran.err


def test_approval_without_a_terminal_requires_all_and_yes(
    cli: CommandLine, client: Client, path: Path
) -> None:
    approval = path.with_name("all.json")
    words = ("bulk", "approve", str(path), "--by", "Zoë", "--file", str(approval))
    refused = cli.run(*words)
    assert refused.code == 2
    assert "--all --yes" in refused.err
    ran = copy_without_token(cli).run(*words, "--all", "--yes", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out) == {
        "file": str(approval), "approved_by": "Zoë", "approved": 6, "rejected": 0, "undecided": 0,
    }  # fmt: skip
    ran = schedule(cli, path, approval)
    assert json.loads(ran.out)["summary"]["created"] == 6
    assert schedule(cli, path, path).code == 2


def test_answers_at_a_terminal_approve_reject_or_skip_rows(cli: CommandLine, path: Path) -> None:
    cli.environ["OUTREPLY_TIMEZONE"] = "UTC"
    path.write_text(path.read_text().replace("2026-12", "2036-12"))
    approval = path.with_name("mine.json")
    user = copy_without_token(cli).at_terminal(
        "bulk", "approve", str(path), "--file", str(approval), columns=100
    )
    user.expect("Your name: ")
    user.sendline("Jane Doe")
    for answer in ("y", "n", "Wrong day", "s", "c", "Lovely", "x", "q"):
        user.expect(r"q\]uit: |Comment: ")
        user.sendline(answer)
    user.expect("2 approved, 1 rejected, 3 undecided")
    user.wait()
    document = json.loads(approval.read_text())
    assert [(row["row"].split("@")[0], row["comment"]) for row in document["rows"]] == [
        ("key:k0", ""), ("key:k3", "Lovely"),
    ]  # fmt: skip
    assert [row["comment"] for row in document["rejected"]] == ["Wrong day"]
    assert document["approved_by"] == "Jane Doe"


def test_series_is_approved_post_by_post(cli: CommandLine, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text(
        "key,page,scheduled_at,message,repeat\n"
        "news,facebook:acme,2026-12-01 09:00,News,every tue for 3 times\n"
    )
    approval = approve(cli, path, lambda item: item["key"] != "news/2026-12-08")
    ran = schedule(cli, path, approval)
    assert ran.code == 0, ran.err
    times = {
        post["scheduled_at"][:10]
        for post in client.scheduled_posts().items
        if post["message"] == "News"
    }
    assert times == {"2026-12-01", "2026-12-15"}


def test_late_approval_of_scheduled_posts_is_logged(
    cli: CommandLine, client: Client, path: Path
) -> None:
    assert schedule(cli, path, None).code == 0
    approval = approve(cli, path, lambda item: item["key"] in {"k0", "k1"})
    assert schedule(cli, path, approval).code == 0
    log = json.loads(cli.run("store", "log", "--json").out)
    approved = [event["message"] for event in log if event["action"] == "approved"]
    assert sorted(approved) == ["Row 0", "Row 1"]
