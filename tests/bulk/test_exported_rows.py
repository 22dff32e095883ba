"""Rows of `bulk export`: what is edited before their first run, besides time and text."""

import re
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from tests.bulk.test_bulk_schedule import get_summary
from tests.command_line import CommandLine
from tests.media.sample_files import png


@pytest.fixture
def uploads(cli: CommandLine, tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{number}.png" for number in (1, 2)]
    for path in paths:
        path.write_bytes(png() + path.name.encode())
    ran = cli.run("media", "upload", *map(str, paths), "-q")
    assert ran.code == 0, ran.err
    return ran.out.split()


@pytest.fixture
def exported(cli: CommandLine, client: Client, uploads: list[str], tmp_path: Path) -> Path:
    """The export of an account with one post that has all content."""
    client.schedule({
        "page_id": client.pages(platform="facebook").items[0]["id"],
        "message": "Text",
        "scheduled_at": "2026-12-09T08:00:00Z",
        "first_comment": "First",
        "media_ids": uploads,
        "media_urls": ["https://example.com/a;b.jpg", "https://example.com/c.jpg"],
        "link": "https://example.com/news",
    })  # fmt: skip
    path = tmp_path / "exported.csv"
    assert cli.run("bulk", "export", "--file", str(path)).code == 0
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (",First,", ",Second,"),
        (",First,", ",,"),
        ("/c.jpg", "/d.jpg"),
        (";https://example.com/c.jpg", ""),
        (",[0-9a-f]{24};", ","),
        ("/news", "/offer"),
    ],
    ids=["comment", "no comment", "URL", "no URL", "no upload", "link"],
)
def test_edited_content_replaces_the_post(
    cli: CommandLine, client: Client, exported: Path, old: str, new: str
) -> None:
    before = client.scheduled_posts().items[0]["id"]
    text, count = re.subn(old, new, exported.read_text())
    assert count == 1
    edited = exported.with_name("edited.csv")
    edited.write_text(text)
    for _ in range(2):
        ran = cli.run("bulk", "schedule", str(edited), "--dry-run", "--json")
        assert get_summary(ran) == {"changed": 1}, ran.err
    assert client.scheduled_posts().items[0]["id"] == before
    ran = cli.run("bulk", "schedule", str(edited), "--json")
    assert (ran.code, get_summary(ran)) == (0, {"changed": 1}), ran.err
    (post,) = client.scheduled_posts().items
    assert cli.run("bulk", "export", "--file", str(exported)).code == 0
    assert exported.read_text() == edited.read_text().replace(before, post["id"])
    again = cli.run("bulk", "schedule", str(edited), "--json")
    assert (again.code, get_summary(again)) == (0, {"unchanged": 1}), again.err


def test_unedited_row_keeps_its_post(cli: CommandLine, client: Client, exported: Path) -> None:
    before = client.scheduled_posts().items
    for words in (("--dry-run",), (), ()):
        ran = cli.run("bulk", "schedule", str(exported), "--json", *words)
        assert (ran.code, get_summary(ran)) == (0, {"unchanged": 1}), ran.err
    assert client.scheduled_posts().items == before


def test_refused_edit_restores_the_whole_post(
    cli: CommandLine, client: Client, exported: Path
) -> None:
    post_id = client.scheduled_posts().items[0]["id"]
    before = client.scheduled_post(post_id)
    text = exported.read_text().replace(",First,", ",Second,")
    exported.write_text(text.replace("https://example.com/c.jpg", "https://x.invalid/\x7f"))
    ran = cli.run("bulk", "schedule", str(exported), "--json")
    assert ran.code != 0
    (listed,) = client.scheduled_posts().items
    after = client.scheduled_post(listed["id"])
    for name in ("message", "media", "first_comment", "scheduled_at"):
        assert after[name] == before[name]
