"""Posts that share uploads keep them, in their order, when they are read and sent again."""

import csv
import io
import json
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from tests.command_line import CommandLine
from tests.media.sample_files import png

AT = "2026-12-24T18:00:00Z"


@pytest.fixture
def uploads(cli: CommandLine, tmp_path: Path) -> list[str]:
    """The IDs of three uploads, not in the order of the list."""
    ids = []
    for number in (1, 2, 3):
        path = tmp_path / f"{number}.png"
        path.write_bytes(png() + b"\0" * number)
        ran = cli.run("media", "upload", str(path), "-q")
        assert ran.code == 0, ran.err
        ids.append(ran.out.strip())
    return [ids[1], ids[2], ids[0]]


@pytest.fixture
def posts(cli: CommandLine, client: Client, uploads: list[str]) -> list[str]:
    """The IDs of two posts with the same uploads, and of one with the first only."""
    (page,) = [page["id"] for page in client.pages().items if page["platform"] == "instagram"]
    ids = []
    for number, media in enumerate((uploads, uploads, uploads[:1])):
        body = {"page_id": page, "message": f"Post {number}", "media_ids": media,
                "media_urls": ["https://example.com/a.jpg"],
                "scheduled_at": AT.replace("24", str(24 + number))}  # fmt: skip
        ran = cli.run("api", "POST", "/posts/schedule", "--input", "-", stdin=json.dumps(body))
        assert ran.code == 0, ran.err
        ids.append(json.loads(ran.out)["scheduled_post"]["id"])
    return ids


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize(
    "words", [("posts", "reschedule", "ID", "--at", "2026-12-28 09:00"),
              ("posts", "edit", "ID", "-m", "New", "--yes")],
    ids=["reschedule", "edit"],
)  # fmt: skip
def test_changed_post_keeps_uploads(
    cli: CommandLine, client: Client, posts: list[str], words: tuple[str, ...], number: int
) -> None:
    before = client.scheduled_post(posts[number])["media"]
    ran = cli.run(*(posts[number] if word == "ID" else word for word in words), "--json")
    assert ran.code == 0, ran.err
    (new,) = {post["id"] for post in client.scheduled_posts().items} - set(posts)
    assert client.scheduled_post(str(new))["media"] == before
    assert len(before) == (2 if number == 2 else 4)


def test_export_names_uploads(cli: CommandLine, posts: list[str], uploads: list[str]) -> None:
    ran = cli.run("bulk", "export")
    assert ran.code == 0, ran.err
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["media_ids"] for row in rows] == [";".join(uploads)] * 2 + [uploads[0]]
    assert {row["media_urls"] for row in rows} == {"https://example.com/a.jpg"}
    assert len(rows) == len(posts)
