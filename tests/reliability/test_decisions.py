"""Decisions about ambiguous rows, and what they leave alone."""

import re
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from tests.bulk.test_bulk_schedule import get_posts, get_summary, row, row_without_key, write_csv
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    return tmp_path / "calendar.csv"


def schedule(cli: CommandLine, calendar: Path, *words: str) -> Result:
    return cli.run("bulk", "schedule", str(calendar), "--json", *words)


def reconcile(cli: CommandLine, calendar: Path, *words: str) -> Result:
    return cli.run("bulk", "reconcile", str(calendar), "--json", *words)


def create_post(client: Client, message: str, at: str, platform: str = "instagram") -> str:
    (page,) = client.pages(platform=platform).items
    return client.schedule({"page_id": page["id"], "message": message, "scheduled_at": at}).post[
        "id"
    ]


def lose_journal(cli: CommandLine) -> None:
    (cli.home / "state" / "journal.db").unlink()


@pytest.mark.parametrize("minutes", [10, 60, 23 * 60])
def test_publish_with_key_and_lost_journal_once(
    cli: CommandLine, client: Client, emulator_clock: ManualClock, minutes: int
) -> None:
    words = ("posts", "publish", "--page", "x:bluebird", "-m", "Launched", "--key", "k", "--yes")
    assert cli.run(*words).code == 0
    lose_journal(cli)
    emulator_clock.advance(minutes * 60)
    assert cli.run(*words).code == 0
    messages = [post["message"] for post in client.published_posts().items]
    assert messages.count("Launched") == 1


def test_yes_leaves_unrelated_post_alone(cli: CommandLine, calendar: Path, client: Client) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "We bake bread at six")])
    assert schedule(cli, calendar).code == 0
    (post,) = client.scheduled_posts().items
    client.cancel(post["id"])
    create_post(client, "Hiring: a night guard", "2026-12-05T12:00:00Z")
    assert schedule(cli, calendar).code == 3
    assert reconcile(cli, calendar, "--yes").code == 3
    assert reconcile(cli, calendar, "--new", "2").code == 0
    assert get_summary(schedule(cli, calendar)) == {"created": 1}
    assert [message for _, message in get_posts(client)] == [
        "We bake bread at six",
        "Hiring: a night guard",
    ]


def test_new_row_with_live_post_replaces_it(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "We bake bread at six")])
    assert schedule(cli, calendar).code == 0
    create_post(client, "We bake bread at six!", "2026-12-05T12:00:00Z")
    write_csv(calendar, [row("a", "2026-12-02 09:00", "We bake bread at six")])
    assert schedule(cli, calendar).code == 3
    assert reconcile(cli, calendar, "--new", "2").code == 0
    assert get_summary(schedule(cli, calendar)) == {"changed": 1}
    assert [time for time, _ in get_posts(client)] == ["2026-12-02T08:00", "2026-12-05T12:00"]


def test_pair_uses_row_of_the_page(cli: CommandLine, calendar: Path, client: Client) -> None:
    pages = "instagram:acme;facebook:acme"
    write_csv(calendar, [row("a", "2026-12-01 09:00", "We bake bread at six", pages)])
    assert schedule(cli, calendar).code == 0
    lose_journal(cli)
    write_csv(calendar, [row("a", "2026-12-01 09:00", "We bake bread at five", pages)])
    assert schedule(cli, calendar).code == 3
    posts = [post["id"] for post in client.scheduled_posts().items]
    twice = reconcile(cli, calendar, "--pair", f"2={posts[0]}", "--pair", f"2={posts[0]}")
    assert twice.code == 2
    pairs = [word for post in posts for word in ("--pair", f"2={post}")]
    assert reconcile(cli, calendar, *pairs).code == 0
    assert get_summary(schedule(cli, calendar)) == {"changed": 2}
    assert len(get_posts(client)) == 2


def test_unknown_separate_post_is_an_error(cli: CommandLine, calendar: Path) -> None:
    write_csv(calendar, [row("a", "2026-12-01 09:00", "We bake bread at six")])
    refused = reconcile(cli, calendar, "--separate", "nonsense")
    assert refused.code == 2
    assert "--separate: post nonsense" in refused.err


@pytest.mark.parametrize("keys", [("a1", "b1"), ("", "")], ids=["keys", "no keys"])
def test_calendar_that_shares_only_a_slot_is_another_calendar(
    cli: CommandLine, calendar: Path, tmp_path: Path, client: Client, keys: tuple[str, str]
) -> None:
    def make(key: str, at: str, text: str) -> dict[str, str]:
        return dict(row(key, at, text) if key else row_without_key(at, text))

    write_csv(calendar, [make(keys[0], "2026-12-01 09:00", "Launch day"),
                         make(keys[0] and "a2", "2026-12-02 09:00", "The day after")])  # fmt: skip
    assert schedule(cli, calendar).code == 0
    other = tmp_path / "other.csv"
    write_csv(other, [make(keys[1], "2026-12-01 09:00", "Holiday hours"),
                      *(make(keys[1] and f"b{n}", f"2026-12-1{n} 09:00", f"Note {n}")
                        for n in range(2, 5))])  # fmt: skip
    refused = schedule(cli, other, "--prune")
    assert refused.code == 2
    assert re.search(rf"{re.escape(str(calendar))} \(rows:\w+\) has a post on this", refused.err)
    assert [message for _, message in get_posts(client)] == ["Launch day", "The day after"]


def test_repeated_text_is_not_a_shared_row(
    cli: CommandLine, calendar: Path, tmp_path: Path, client: Client
) -> None:
    write_csv(calendar, [row_without_key("2026-12-04 09:00", "Happy Friday!"),
                         row_without_key("2026-12-05 09:00", "Open until six")])  # fmt: skip
    assert schedule(cli, calendar).code == 0
    other = tmp_path / "other.csv"
    write_csv(other, [row_without_key("2026-12-11 09:00", "Happy Friday!"),
                      row_without_key("2026-12-12 09:00", "Closed for inventory"),
                      row_without_key("2026-12-13 09:00", "New bread")])  # fmt: skip
    assert get_summary(schedule(cli, other)) == {"created": 3}
    assert len(get_posts(client)) == 5


def test_template_is_read_from_stdin(cli: CommandLine) -> None:
    template = cli.run("bulk", "template", "yaml").out
    ran = cli.run("bulk", "schedule", "-", "--dry-run", "--json", stdin=template)
    assert (ran.code, get_summary(ran)) == (0, {"created": 3}), ran.err


def test_hint_repeats_the_options_for_reading(
    cli: CommandLine, calendar: Path, client: Client
) -> None:
    calendar.write_text("page,When,Text\ninstagram:acme,01/12/2026 09:00,We bake bread\n")
    words = ("--columns", "When=scheduled_at,Text=message", "--date-order", "dmy")
    assert schedule(cli, calendar, *words).code == 0
    lose_journal(cli)
    calendar.write_text(calendar.read_text().replace("bread", "breads"))
    held = schedule(cli, calendar, *words)
    assert held.code == 3
    hint = held.err.split("Resolve the unknown rows with: outreply ")[1].split('"')[0]
    assert cli.run(*hint.split(), "--yes").code == 0
    assert get_summary(schedule(cli, calendar, *words)) == {"changed": 1}
    assert len(get_posts(client)) == 1
