"""Seed files: read with their lines, planted whole or not at all, and written again."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.incoming_comments import expect_comment
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError
from tests.clocks import ManualClock

REFERENCE = (Path(__file__).parent / "reference_account.yaml").read_text()


def test_what_is_exported_makes_the_same_account_again(steer: EmulatorHandle) -> None:
    steer.request("seed", text=REFERENCE, name="a.yaml")
    first = steer.request("export")["seed"]
    steer.request("seed", text=first, name="b.yaml")
    assert steer.request("export")["seed"] == first
    for part in ("s1", "c_abc123", "m2", "p_youtube", "revoked: true", "192.0.2.0/24"):
        assert part in first


def test_comments_to_come_come_and_are_exported_until_then(steer: EmulatorHandle) -> None:
    text = """
accounts:
  - brands: [{name: B, pages: [{platform: x, username: b}]}]
    posts:
      - {page: "twitter:b", published_at: -1h, message: Out,
         comments: [{name: N, username: n, message: Later, at: +2h}]}
"""
    steer.request("seed", text=text, name="s.yaml")
    exported = steer.request("export")["seed"]
    assert "Later" in exported
    steer.request("seed", text=exported, name="s.yaml")
    steer.request("advance", seconds=3 * 3600)
    assert "id: c_" in steer.request("export")["seed"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "s.yaml: the seed file is empty"),
        ("accounts: [", "s.yaml:1:"),
        ("[]", "s.yaml:1: seed: must be a mapping"),
        ("account: []", "s.yaml:1: account: is no field here; there are: now, accounts"),
        ("accounts:\n  - tier: gold", "s.yaml:2: tier: must be one of: free, pro, elite"),
        ("accounts:\n  - brands:\n    - {}", "s.yaml:3: brands: has no name"),
        ("accounts:\n  - brands:\n    - {name: B, timezone: Mars}", "there is no time zone 'Mars'"),
        ("accounts:\n  - posts:\n    - {page: a, message: b}", "s.yaml:3: posts: has to have"),
        (
            "accounts:\n  - posts:\n    - {page: a, scheduled_at: +1h}",
            "s.yaml:3: page: no page 'a' stands in this account",
        ),
        ("now: never\naccounts: []", "s.yaml:1: now: must be a time"),
        ("accounts:\n  - id: a\n  - id: a", "s.yaml:3: id: there is such an id among the users"),
        ("accounts:\n  - tier: pro\n    tier: free", "tier stands twice"),
        ("a: &a [x]\nb: &b [*a,*a]\n", "is no field"),
        ("accounts: " + "[" * 5000, "nests too deeply"),
        ("accounts:\n  - tokens: [{scopes: [fly]}]", "s.yaml:2: scopes: must be one of"),
        ("accounts:\n  - credits: -1", "s.yaml:2: credits: must be a whole number from 0"),
        ("now: 2026-02-30 10:00:00\naccounts: []", "s.yaml:1: now"),
    ],
)
def test_a_wrong_seed_names_its_place_and_changes_nothing(
    steer: EmulatorHandle, text: str, said: str
) -> None:
    before = steer.request("export")["seed"].splitlines()[1:]
    with pytest.raises(InvalidInputError, match=re.escape(said)):
        steer.request("seed", text=text, name="s.yaml")
    assert steer.request("export")["seed"].splitlines()[1:] == before


def test_aliases_upon_aliases_are_refused(steer: EmulatorHandle) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(InvalidInputError, match="more than 200000 values"):
        steer.request("seed", text="\n".join(lines), name="bomb.yaml")


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[list[EmulatorServer]]:
    settings = EmulatorConfig(seed=3, failure_rate=0.5, comments_per_post=2)
    servers = [EmulatorServer(tmp_path / n, ManualClock(), settings=settings) for n in ("a", "b")]
    for server in servers:
        server.__enter__()
    yield servers
    for server in servers:
        server.__exit__()


def test_the_same_seed_number_makes_the_same_ids_failures_and_comments(
    twins: list[EmulatorServer],
) -> None:
    told = []
    for server in twins:
        with server.state.transaction() as db:
            page = db.execute("SELECT id FROM pages ORDER BY created_at LIMIT 1").fetchone()["id"]
            for number in range(20):
                db.execute(
                    "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, media) "
                    "VALUES (?, ?, 'scheduled', ?, 0, '[]')",
                    (server.state.new_id(), page, 1_795_500_000 + 600 * number),
                )
        steer = server.running
        moved = steer.request("advance", seconds=30 * 86_400)
        status = steer.request("status")
        assert status["posts"]["failed"] + moved["published"] == 20
        assert 3 < status["posts"]["failed"] < 17
        comments = server.state.connection.execute("SELECT count(*) FROM comments").fetchone()[0]
        assert comments == 5 + 2 * moved["published"]
        told.append(steer.request("export")["seed"])
    assert told[0] == told[1]


def test_a_frozen_clock_moves_only_when_it_is_told_to(
    emulator: EmulatorServer, steer: EmulatorHandle, emulator_clock: ManualClock
) -> None:
    frozen = steer.request("freeze")["now"]
    emulator_clock.advance(3600)
    assert steer.request("status")["now"] == frozen
    assert steer.request("advance", seconds=60)["now"] == "2026-11-23T12:01:00.000Z"
    steer.request("freeze", on=False)
    emulator_clock.advance(60)
    assert steer.request("status")["now"] == "2026-11-23T12:02:00.000Z"
    assert json.loads(json.dumps(steer.request("status")))["frozen"] is False


CONTENTS = {
    "users": "*", "tokens": "*", "brands": "*", "pages": "*", "hooks": "*", "usage": "*",
    "media": "id, user_id, filename, size_bytes, mime_type, created_at, deleted_at",
    "posts": "id, page_id, status, scheduled_at, message, media, first_comment, link, "
    "tiktok_settings, created_at, remote_id, permalink, likes, shares",
    "comments": "id, post_id, parent_id, author_name, author_username, message, created_at",
    "arrivals": "due_at, post_id, parent_id, author_name, author_username, message",
    "post_media": "*",
}  # fmt: skip


def contents(emulator: EmulatorServer) -> dict[str, list[tuple[object, ...]]]:
    db = emulator.state.connection
    with emulator.state.transaction():
        return {
            table: [tuple(row) for row in db.execute(f"SELECT {columns} FROM {table}")]  # noqa: S608
            for table, columns in CONTENTS.items()
        }


def test_nothing_is_lost_on_the_way_out_and_in_again(
    emulator: EmulatorServer, steer: EmulatorHandle
) -> None:
    steer.request("freeze")
    steer.request("seed", text=REFERENCE, name="a.yaml")
    token = {"Authorization": "Bearer outreply_live_everything0000000000000"}
    with httpx.Client(base_url=emulator.base_url, headers=token, trust_env=False) as http:
        uploads = [
            http.post("/media/upload", files={"file": (name, data, kind)}).json()["media_id"]
            for name, data, kind in (
                ("b.m4v", b"\0\0\0\x18ftypmp42" + b"\0" * 80, "video/mp4"),
                ("a.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 100, "image/jpeg"),
            )
        ]
        body: dict[str, Any] = {"page_id": "p_youtube", "scheduled_at": "2026-11-25T12:00:00Z",
                "media_ids": sorted(uploads, reverse=True), "tiktok_settings": {},
                "media_urls": ["https://cdn.example.com/z.webm"]}  # fmt: skip
        made = http.post("/posts/schedule", json=body)
        assert made.status_code == 201, made.text
        for ids, message in ((uploads[::-1], None), (["m2"], "")):
            body = {"page_id": "p_twitter", "media_ids": ids, "message": message}
            assert http.post("/posts/publish", json=body).status_code == 201
        hook = {"url": "http://127.0.0.1:9/", "events": ["post.failed"]}
        hook_id = http.post("/webhooks", json=hook).json()["webhook"]["id"]
    steer.request("rotate", id=hook_id)
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET firstname = '', credits = 0")
        db.execute("UPDATE hooks SET disabled_at = 1795500000.25, failures = 20, created_at = 17.5")
        db.execute("UPDATE tokens SET request_count = 99, last_used_at = 1795500000.125")
        db.execute("UPDATE comments SET author_name = ''")
        db.execute("UPDATE posts SET status = 'failed' WHERE id = 's2'")
        expect_comment(db, "o1", ("", "n", "Later"), 1_795_500_000 + 86_400, "c_abc123")
    before = contents(emulator)
    exported = steer.request("export")["seed"]
    steer.request("reset")
    steer.request("seed", text=exported, name="b.yaml")
    after = contents(emulator)
    for state in (before, after):
        # Media of posts that are out have been freed: an export has no use for them.
        state["media"] = [row for row in state["media"] if row[-1] is None]
        live = {row[0] for row in state["media"]}
        out = {row[0] for row in state["posts"] if row[2] == "published"}
        state["post_media"] = sorted(
            row for row in state["post_media"] if row[1] in live and row[0] not in out
        )
        state["tokens"] = [row for row in state["tokens"] if row[7] is None]
        state["usage"].sort()
        # What was published at once was never scheduled.
        state["posts"] = [(*row[:3], *row[4:]) if row[0] in out else row for row in state["posts"]]
    for table, rows in before.items():
        assert after[table] == rows, table
    assert steer.request("export")["seed"] == exported


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("{token: foo_bar}", "token: must begin with one of: outreply_live_"),
        ("{token: outreply_live_x, sandbox: true}", "token: a sandbox token begins with"),
        ("{ip_allowlist: [10.0.0.0/8, 10.0.0]}", "ip_allowlist: '10.0.0' is no IP address"),
        ("{token: outreply_live_\xe9}", "token: must be printable ASCII"),
        ("{id: a}, {id: a}", "id: there is such an id among the tokens already"),
    ],
)
def test_a_token_that_could_not_work_is_refused(
    steer: EmulatorHandle, token: str, said: str
) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(said)):
        steer.request("seed", text=f"accounts:\n  - tokens: [{token}]", name="s.yaml")


def test_a_seed_number_decides_secrets_and_filenames_too(twins: list[EmulatorServer]) -> None:
    told = []
    for server in twins:
        steer = server.running
        text = "accounts:\n  - webhooks: [{url: 'http://127.0.0.1:9/', events: [post.failed]}]"
        token = steer.request("seed", text=text)["tokens"][0]["token"]
        headers = {"X-API-Key": token}
        with httpx.Client(base_url=server.base_url, headers=headers, trust_env=False) as http:
            hook = {"url": "http://127.0.0.1:9/", "events": ["post.failed"]}
            made = http.post("/webhooks", json=hook).json()["webhook"]
            file = ("a.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 100, "image/jpeg")
            uploaded = http.post("/media/upload", files={"file": file}).json()["filename"]
        rotated = steer.request("rotate", id=made["id"])["secret"]
        assert len({made["secret"], rotated, token}) == 3
        exported = re.sub(r"now: .*", "", steer.request("export")["seed"])
        told.append((token, made["secret"], rotated, uploaded, exported))
    assert told[0] == told[1]
