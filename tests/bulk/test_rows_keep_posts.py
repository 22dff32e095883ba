"""Rows keep their posts where keys, zones and files change, and no text is scheduled twice."""

import json
import shutil
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from tests.command_line import CommandLine, Result
from tests.commands.team_machines import make_machine

DAY = 86_400
HEADER = "key,page,scheduled_at,message\n"
ROWS = (
    "{a},facebook:acme,2026-12-01 09:00,Sale starts today\n"
    "{b},facebook:acme,2026-12-02 09:00,The second day\n"
)
NEW_YORK = {"OUTREPLY_TIMEZONE": "America/New_York"}


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return tmp_path / "plan.csv"


def bulk(cli: CommandLine, *words: str | Path, code: int = 0, zone: str = "") -> Result:
    env = {"OUTREPLY_TIMEZONE": zone} if zone else None
    ran = cli.run("bulk", *map(str, words), env=env)
    assert ran.code == code, ran.out + ran.err
    return ran


def schedule(cli: CommandLine, *words: str | Path, zone: str = "") -> dict[str, int]:
    """Run `bulk schedule`; returns the numbers of rows by their status."""
    ran = bulk(cli, "schedule", *words, "--json", zone=zone)
    return {status: count for status, count in json.loads(ran.out)["summary"].items() if count}


def write(plan: Path, text: str, **keys: str) -> None:
    plan.write_text(text.format(**{"a": "", "b": "", **keys}))


def posts(client: Client) -> list[tuple[str, str, str]]:
    return sorted(
        (str(post["scheduled_at"])[5:16], str(post["platform"]), str(post["message"]))
        for post in client.scheduled_posts().items
    )


MOVED = [("12-01T16:00", "facebook", "Sale starts today")]
SECOND = ("12-02T08:00", "facebook", "The second day")


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {"a": "sale", "b": "day"}), ({"a": "sale", "b": "day"}, {}), ({"a": "x"}, {"a": "y"})],
    ids=["added", "removed", "renamed"],
)
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("01 09:00", "01 17:00", [*MOVED, SECOND]),
        ("Sale starts", "A sale", [("12-01T08:00", "facebook", "A sale today"), SECOND]),
    ],
    ids=["time", "text"],
)
def test_row_is_known_by_its_new_key(
    cli: CommandLine,
    client: Client,
    plan: Path,
    *,
    before: dict[str, str],
    after: dict[str, str],
    old: str,
    new: str,
    expected: list[tuple[str, str, str]],
) -> None:
    write(plan, HEADER + ROWS, **before)
    assert schedule(cli, plan) == {"created": 2}
    write(plan, HEADER + ROWS, **after)
    assert schedule(cli, plan, "--dry-run") == {"unchanged": 2}
    assert schedule(cli, plan) == {"unchanged": 2}
    write(plan, HEADER + ROWS.replace(old, new), **after)
    assert schedule(cli, plan) == {"changed": 1, "unchanged": 1}
    assert posts(client) == expected
    assert schedule(cli, plan) == {"unchanged": 2}


def test_row_with_a_new_key_can_be_moved_to_another_page(
    cli: CommandLine, client: Client, plan: Path
) -> None:
    write(plan, HEADER + ROWS)
    schedule(cli, plan)
    write(plan, HEADER + ROWS, b="day")
    schedule(cli, plan)
    write(plan, HEADER + ROWS.replace("{b},facebook:acme", "{b},linkedin:acme-co"), b="day")
    schedule(cli, plan)
    assert posts(client)[1] == ("12-02T08:00", "linkedin", "The second day")
    assert len(posts(client)) == 2


def test_series_that_gets_a_key_can_be_moved(cli: CommandLine, client: Client, plan: Path) -> None:
    text = (
        "key,page,scheduled_at,repeat,message\n"
        "{a},facebook:acme,2026-12-01 {b},every tue for 3 times,Happy Tuesday\n"
    )
    for key, time in (("", "09:00"), ("tue", "09:00"), ("tue", "17:00")):
        write(plan, text, a=key, b=time)
        schedule(cli, plan)
    assert [at for at, _, _ in posts(client)] == ["12-01T16:00", "12-08T16:00", "12-15T16:00"]


def test_row_without_time_that_gets_a_key_can_be_edited(
    cli: CommandLine, client: Client, plan: Path
) -> None:
    assert cli.run("slots", "set", "facebook:acme", "mon-fri 09:00").code == 0
    for key, text in (("", "Sale starts"), ("sale", "Sale starts"), ("sale", "Come in: it is on")):
        write(plan, "key,page,message\n{a},facebook:acme,{b}\n", a=key, b=text)
        schedule(cli, plan)
    assert posts(client) == [("11-24T08:00", "facebook", "Come in: it is on")]


@pytest.mark.parametrize("keys", [{}, {"a": "sale", "b": "day"}], ids=["no keys", "keys"])
@pytest.mark.parametrize(
    ("old", "new"), [("02T08:00", "02T11:00"), ("second day", "other day")], ids=["time", "text"]
)
def test_edited_export_and_its_calendar_have_the_same_rows(
    cli: CommandLine, client: Client, plan: Path, *, keys: dict[str, str], old: str, new: str
) -> None:
    write(plan, HEADER + ROWS, **keys)
    schedule(cli, plan)
    before = posts(client)
    exported = plan.with_name("now.csv")
    bulk(cli, "export", "--file", exported)
    exported.write_text(exported.read_text().replace(old, new))
    for _ in range(2):
        assert schedule(cli, exported) == {"changed": 1, "unchanged": 1}
        assert schedule(cli, exported) == {"unchanged": 2}
        assert len(posts(client)) == 2
        # The original calendar is unchanged.
        assert schedule(cli, plan) == {"changed": 1, "unchanged": 1}
        assert posts(client) == before


def test_key_that_is_only_the_prefix_post_is_accepted(
    cli: CommandLine, client: Client, plan: Path
) -> None:
    """A formula of a spreadsheet writes such a key for an empty cell."""
    write(plan, HEADER + ROWS, a="post:")
    assert schedule(cli, plan) == {"created": 2}
    assert schedule(cli, plan) == {"unchanged": 2}


class TestExport:
    """The post of an exported row is another one, or elsewhere, when the file is run."""

    @pytest.fixture
    def exported(self, cli: CommandLine, client: Client, tmp_path: Path) -> Path:
        client.schedule({
            "page_id": client.pages(platform="facebook").items[0]["id"],
            "message": "Sale starts today",
            "scheduled_at": "2026-12-01T08:00:00Z",
        })  # fmt: skip
        path = tmp_path / "now.csv"
        bulk(cli, "export", "--file", path)
        return path

    @pytest.fixture
    def post_id(self, client: Client, exported: Path) -> str:
        return str(client.scheduled_posts().items[0]["id"])

    def test_edited_page_moves_the_post(
        self, cli: CommandLine, client: Client, exported: Path
    ) -> None:
        exported.write_text(exported.read_text().replace("facebook:acme", "x:bluebird"))
        assert schedule(cli, exported, "--dry-run") == {"changed": 1}
        assert schedule(cli, exported) == {"changed": 1}
        assert posts(client) == [("12-01T08:00", "twitter", "Sale starts today")]
        assert schedule(cli, exported, "--prune") == {"unchanged": 1}

    @pytest.mark.parametrize(
        "words",
        [("reschedule", "ID", "--at", "2026-12-05 09:00"), ("edit", "ID", "-m", "Other", "--yes")],
        ids=["rescheduled", "edited"],
    )
    @pytest.mark.parametrize("time", ["01T08", "01T16"], ids=["unedited", "moved"])
    def test_row_changes_the_replacement_of_its_post(
        self,
        cli: CommandLine,
        client: Client,
        exported: Path,
        *,
        post_id: str,
        words: tuple[str, ...],
        time: str,
    ) -> None:
        ran = cli.run("posts", *(post_id if word == "ID" else word for word in words))
        assert ran.code == 0, ran.err
        exported.write_text(exported.read_text().replace("01T08", time))
        assert schedule(cli, exported) == {"changed": 1}
        assert posts(client) == [(f"12-{time}:00", "facebook", "Sale starts today")]
        assert schedule(cli, exported) == {"unchanged": 1}

    def test_row_of_a_published_post_creates_no_post(
        self, cli: CommandLine, client: Client, exported: Path
    ) -> None:
        cli.clock.advance(11 * DAY)
        exported.write_text(exported.read_text().replace("12-01", "12-24"))
        ran = bulk(cli, "schedule", exported)
        assert "already published and stays unchanged" in ran.err
        assert posts(client) == []


class TestZone:
    """A row is published, then the zone of its calendar changes."""

    @pytest.fixture(autouse=True)
    def calendar(self, cli: CommandLine, plan: Path) -> None:
        write(plan, HEADER + ",facebook:acme,2026-11-24 09:00,One is out\n" + ROWS)
        assert schedule(cli, plan) == {"created": 3}

    @pytest.mark.parametrize("hours", [22, 48], ids=["time ahead", "time past"])
    def test_tz_option_moves_only_pending_posts(
        self, cli: CommandLine, client: Client, plan: Path, hours: int
    ) -> None:
        cli.clock.advance(hours * 3_600)
        for summary in ({"changed": 2, "unchanged": 1}, {"unchanged": 3}, {"unchanged": 3}):
            assert schedule(cli, plan, "--tz", "America/New_York") == summary
        assert [at for at, _, _ in posts(client)] == ["12-01T14:00", "12-02T14:00"]

    def test_timezone_column_moves_only_pending_posts(
        self, cli: CommandLine, client: Client, plan: Path
    ) -> None:
        cli.clock.advance(2 * DAY)
        lines = plan.read_text().splitlines()
        rows = [f"{line},Europe/London\n" for line in lines[1:]]
        plan.write_text(f"{lines[0]},timezone\n{''.join(rows)}")
        assert schedule(cli, plan) == {"changed": 2, "unchanged": 1}
        assert schedule(cli, plan) == {"unchanged": 3}
        assert [at for at, _, _ in posts(client)] == ["12-01T09:00", "12-02T09:00"]


@pytest.mark.parametrize("words", [(), ("--name", "year")], ids=["unnamed", "named"])
def test_zone_belongs_to_the_calendar(
    cli: CommandLine, client: Client, plan: Path, words: tuple[str, ...]
) -> None:
    # A time with a zone identifies the calendar without a name.
    write(plan, HEADER + ROWS.replace("02 09:00", "02T09:00+01:00"))
    schedule(cli, plan, *words)
    before = posts(client)
    copy = plan.with_name("copy") / plan.name
    copy.parent.mkdir()
    plan.rename(copy)
    ran = bulk(cli, "schedule", copy, *words, code=2, zone="UTC")
    assert (
        "was read in the zone Europe/Paris in the last run, and would now be read in UTC" in ran.err
    )
    assert posts(client) == before
    assert schedule(cli, copy, *words, "--tz", "Europe/Paris", zone="UTC") == {"unchanged": 2}


def test_files_of_a_calendar_have_their_own_zones(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    files = {}
    for zone in ("Europe/Berlin", "America/New_York"):
        files[zone] = tmp_path / f"{zone[:6]}.yaml"
        files[zone].write_text(
            f"name: launch\ntimezone: {zone}\nposts:\n- page: facebook:acme\n"
            "  scheduled_at: 2026-11-24 09:00\n  message: We are live\n"
        )
    schedule(cli, files["Europe/Berlin"])
    # The post of one file is published.
    cli.clock.advance(21 * 3_600)
    assert schedule(cli, files["America/New_York"]) == {"created": 1}
    assert [at for at, _, _ in posts(client)] == ["11-24T14:00"]
    plain = tmp_path / "plain.yaml"
    plain.write_text(
        "name: launch\nposts:\n- page: x:bluebird\n  scheduled_at: 2026-12-02 09:00\n"
        "  message: Second\n"
    )
    for summary in ({"created": 1, "unchanged": 1}, {"unchanged": 2}, {"unchanged": 2}):
        assert schedule(cli, plain, files["America/New_York"], zone="UTC") == summary


def test_row_moved_too_far_ahead_keeps_no_post_behind(
    cli: CommandLine, client: Client, plan: Path
) -> None:
    write(plan, HEADER + ROWS)
    schedule(cli, plan)
    write(plan, HEADER + ROWS.replace("2026-12-01", "2027-06-01"))
    ran = bulk(cli, "schedule", plan, code=2)
    assert "scheduled_at: too far ahead to be scheduled now, and post " in ran.err
    assert len(posts(client)) == 2
    # The advice, as printed.
    bulk(cli, "schedule", plan, "--prune", "--max-cancel", "1")
    assert posts(client) == [SECOND]
    bulk(cli, "schedule", plan)
    assert posts(client) == [SECOND]


def test_slot_row_whose_key_is_removed_again_keeps_its_post(
    cli: CommandLine, client: Client, plan: Path
) -> None:
    assert cli.run("slots", "set", "facebook:acme", "daily 09:00,17:30").code == 0
    for key in ("", "a", ""):
        write(plan, "key,page,message\n{a},facebook:acme,Same text\n", a=key)
        schedule(cli, plan)
    assert schedule(cli, plan) == {"unchanged": 1}
    assert len(posts(client)) == 1


def test_failed_run_keeps_the_zone(cli: CommandLine, plan: Path) -> None:
    write(plan, HEADER + ROWS)
    schedule(cli, plan)
    write(plan, HEADER + ROWS + ",facebook:acme,2026-11-01 09:00,Too late\n")
    bulk(cli, "schedule", plan, "--tz", "UTC", code=2)
    write(plan, HEADER + ROWS)
    assert schedule(cli, plan) == {"unchanged": 2}


def test_row_too_far_ahead_does_not_take_the_post_of_a_removed_row(
    cli: CommandLine, client: Client, plan: Path
) -> None:
    days = ("2026-12-01", "2027-01-30", "2027-03-02")
    rows = [f",facebook:acme,{day} 09:00,Weekly hello\n" for day in days]
    plan.write_text(HEADER + "".join(rows))
    assert schedule(cli, plan)["created"] == 2
    plan.write_text(HEADER + "".join(rows[1:]))
    ran = bulk(cli, "schedule", plan)
    assert "is no longer in the file; --prune cancels it" in ran.out
    assert bulk(cli, "schedule", plan, "--prune", "--max-cancel", "1")
    assert [at for at, _, _ in posts(client)] == ["01-30T08:00"]


class TestPruneOfAPart:
    """A file that has only a part of the calendar prunes nothing of the rest."""

    @pytest.fixture
    def full(self, cli: CommandLine, plan: Path) -> list[str]:
        rows = [f",facebook:acme,2026-12-{day:02} 09:00,Text {day}\n" for day in range(1, 9)]
        rows += [f",x:bluebird,2026-12-{day:02} 09:00,Text {day}\n" for day in (1, 2)]
        plan.write_text(HEADER + "".join(rows))
        schedule(cli, plan)
        return rows

    def test_export_of_one_page_is_pruned_only_with_a_name(
        self, cli: CommandLine, client: Client, plan: Path, full: list[str]
    ) -> None:
        part = plan.with_name("facebook.csv")
        bulk(cli, "export", "--page", "facebook:acme", "--file", part)
        part.write_text("".join(part.read_text().splitlines(keepends=True)[:-1]))
        ran = bulk(cli, "schedule", part, "--prune", "--max-cancel", "9", code=2)
        assert "--prune: " in ran.err
        assert "has no rows for 3 pending posts of the calendar" in ran.err
        assert len(posts(client)) == len(full)
        # The advice, as printed.
        (name,) = (word for word in ran.err.split("'") if word.startswith("rows:"))
        bulk(cli, "schedule", part, "--prune", "--max-cancel", "9", "--name", name)
        assert len(posts(client)) == len(full) - 3

    def test_renamed_file_prunes_its_removed_row(
        self, cli: CommandLine, client: Client, plan: Path, full: list[str]
    ) -> None:
        renamed = plan.rename(plan.with_name("final.csv"))
        renamed.write_text(HEADER + "".join(full[:-1]))
        assert schedule(cli, renamed, "--prune") == {"unchanged": 9, "cancelled": 1}
        assert len(posts(client)) == len(full) - 1

    def test_same_file_at_another_path_prunes_its_removed_row(
        self, cli: CommandLine, client: Client, plan: Path, full: list[str]
    ) -> None:
        """A checkout of the same repository has the file at another path."""
        copy = plan.with_name("checkout") / plan.name
        copy.parent.mkdir()
        copy.write_text(HEADER + "".join(full[:-1]))
        assert schedule(cli, copy, "--prune") == {"unchanged": 9, "cancelled": 1}
        assert len(posts(client)) == len(full) - 1


class TestPostChangedWithoutJournal:
    """A post of a row is changed by a command that finds no journal, lost or of another machine."""

    TEXT = "Sale starts today"

    @pytest.fixture(params=[{}, {"a": "sale", "b": "day"}], ids=["no keys", "keys"])
    def post_id(
        self, cli: CommandLine, client: Client, plan: Path, request: pytest.FixtureRequest
    ) -> str:
        write(plan, HEADER + ROWS, **request.param)
        assert schedule(cli, plan) == {"created": 2}
        shutil.rmtree(cli.home / "state")
        return next(
            str(p["id"]) for p in client.scheduled_posts().items if p["message"] == self.TEXT
        )

    @pytest.mark.parametrize(
        "words",
        [("reschedule", "--at", "2026-12-01 15:00"), ("edit", "-m", "Sale starts now", "--yes")],
        ids=["reschedule", "edit"],
    )
    def test_row_is_held_and_settled(
        self, cli: CommandLine, client: Client, plan: Path, post_id: str, words: tuple[str, ...]
    ) -> None:
        assert cli.run("posts", words[0], post_id, *words[1:]).code == 0
        before = posts(client)
        held = bulk(cli, "schedule", plan, code=3)
        assert "Done: 1 unchanged, 1 unknown" in held.err
        assert "the row is similar to post" in held.err
        bulk(cli, "reconcile", plan, "--yes")
        assert posts(client) == before
        assert schedule(cli, plan) == {"changed": 1, "unchanged": 1}
        assert posts(client) == [("12-01T08:00", "facebook", self.TEXT), SECOND]
        assert schedule(cli, plan) == {"unchanged": 2}

    def test_row_edited_to_the_new_time_keeps_the_moved_post(
        self, cli: CommandLine, client: Client, plan: Path, post_id: str
    ) -> None:
        assert cli.run("posts", "reschedule", post_id, "--at", "2026-12-01 16:00Z").code == 0
        plan.write_text(plan.read_text().replace("12-01 09:00", "12-01 17:00"))
        assert schedule(cli, plan) == {"unchanged": 2}
        assert posts(client) == [*MOVED, SECOND]


@pytest.mark.parametrize("hours", [24, 30])
@pytest.mark.parametrize(
    ("keys", "edited"),
    [({}, False), ({"a": "sale", "b": "day"}, False), ({"a": "sale", "b": "day"}, True)],
    ids=["no keys", "keys", "keys, edited"],
)
def test_row_is_held_if_another_machine_published_its_post_earlier(
    *, cli: CommandLine, client: Client, plan: Path, keys: dict[str, str], edited: bool, hours: int
) -> None:
    write(plan, HEADER + ROWS, **keys)
    assert schedule(cli, plan) == {"created": 2}
    post_id = next(
        str(p["id"]) for p in client.scheduled_posts().items if "Sale" in str(p["message"])
    )
    other = make_machine(cli, "other")
    moved = other.run("posts", "reschedule", post_id, "--at", "2026-11-24 10:00")
    assert moved.code == 0, moved.err
    cli.clock.advance(hours * 3600)
    if edited:
        plan.write_text(plan.read_text().replace("Sale starts today", "The sale has started"))
    held = bulk(cli, "schedule", plan, code=3)
    assert "Done: 1 unchanged, 1 unknown" in held.err
    bulk(cli, "reconcile", plan, "--yes")
    assert schedule(cli, plan) == {"unchanged": 2}
    assert posts(client) == [SECOND]
