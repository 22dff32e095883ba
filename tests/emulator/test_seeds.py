"""Seed files: errors with their line, all-or-nothing loading, and export."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.incoming_comments import add_incoming_comment
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError
from tests.clocks import ManualClock

REFERENCE = (Path(__file__).parent / "reference_account.yaml").read_text()

# The start of a seed whose posts are on the page `x`.
POSTS = (
    "accounts:\n  - brands: [{name: B, pages: [{id: x, platform: x, username: b}]}]\n    posts: ["
)


def test_export_roundtrip(handle: EmulatorHandle) -> None:
    handle.request("seed", text=REFERENCE, name="a.yaml")
    first = handle.request("export")["seed"]
    handle.request("seed", text=first, name="b.yaml")
    assert handle.request("export")["seed"] == first
    for part in ("s1", "c_abc123", "m2", "p_youtube", "revoked: true", "192.0.2.0/24"):
        assert part in first


def test_future_comments_are_exported_and_received(handle: EmulatorHandle) -> None:
    text = """
accounts:
  - brands: [{name: B, pages: [{platform: x, username: b}]}]
    posts:
      - {page: "twitter:b", published_at: -1h, message: Out,
         comments: [{name: N, username: n, message: Later, at: +2h}]}
"""
    handle.request("seed", text=text, name="s.yaml")
    exported = handle.request("export")["seed"]
    assert "Later" in exported
    handle.request("seed", text=exported, name="s.yaml")
    handle.request("advance", seconds=3 * 3600)
    assert "id: c_" in handle.request("export")["seed"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.yaml: the seed file is empty"),
        ("accounts: [", "s.yaml:1:"),
        ("[]", "s.yaml:1: seed: must be a mapping"),
        ("account: []", "s.yaml:1: account: unknown field; expected one of: now, accounts"),
        ("accounts:\n  - tier: gold", "s.yaml:2: tier: must be one of: free, pro, elite"),
        ("accounts:\n  - brands:\n    - {}", "s.yaml:3: brands: name is required"),
        ("accounts:\n  - brands:\n    - {name: B, timezone: Mars}", "unknown time zone 'Mars'"),
        ("accounts:\n  - posts:\n    - {page: a, message: b}", "s.yaml:3: posts: exactly one of"),
        (
            "accounts:\n  - posts:\n    - {page: a, scheduled_at: +1h}",
            "s.yaml:3: page: page not found in this account: a",
        ),
        ("now: never\naccounts: []", "s.yaml:1: now: must be an ISO 8601 time"),
        ("accounts:\n  - id: a\n  - id: a", "s.yaml:3: id: duplicate id in users"),
        ("accounts:\n  - tier: pro\n    tier: free", "s.yaml:2: duplicate field 'tier'"),
        ("a: &a [x]\nb: &b [*a,*a]\n", "unknown field"),
        ("accounts: " + "[" * 5000, "nested too deeply"),
        ("accounts:\n  - tokens: [{scopes: [fly]}]", "s.yaml:2: scopes: must be one of"),
        ("accounts:\n  - credits: -1", "s.yaml:2: credits: must be a whole number from 0"),
        (
            "accounts:\n  - credits: 9223372036854775808",
            "s.yaml:2: credits: must be a whole number",
        ),
        ("accounts:\n  - usage: {reads: 9223372036854775808}", "s.yaml:2: reads: must be a whole"),
        ('accounts:\n  - email: "\\ud800"', "s.yaml:2: email: must be valid Unicode"),
        ("now: 9999-12-31\naccounts: []", "s.yaml:1: now: must be an ISO 8601 time from 1970"),
        (
            "accounts:\n  - brands: [{name: B, created_at: 0001-01-01T00:00:00+14:00}]",
            "s.yaml:2: created_at: must be an ISO 8601 time",
        ),
        (
            "accounts:\n  - webhooks: [{url: http://127.0.0.1:9/, events: [], rotated_at: -1h}]",
            "s.yaml:2: rotated_at: requires previous_secret",
        ),
        (
            POSTS + "{page: x, published_at: -1h, remote_id: a}, " * 2 + "]",
            "s.yaml:3: remote_id: duplicate remote_id",
        ),
        *(
            (
                POSTS + f"{{page: x, scheduled_at: +1h, tiktok_settings: {value}}}]",
                "s.yaml:3: tiktok_settings: must be a mapping of JSON values",
            )
            for value in ("{a: 2026-01-01}", "{a: .nan}", "[]")
        ),
        ("now: 2026-02-30 10:00:00\naccounts: []", "s.yaml:1: now"),
    ],
)
def test_invalid_seed_reports_line_and_changes_nothing(
    handle: EmulatorHandle, text: str, message: str
) -> None:
    before = handle.request("export")["seed"].splitlines()[1:]
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        handle.request("seed", text=text, name="s.yaml")
    assert handle.request("export")["seed"].splitlines()[1:] == before


def test_yaml_alias_bomb_is_rejected(handle: EmulatorHandle) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(InvalidInputError, match="more than 200000 values"):
        handle.request("seed", text="\n".join(lines), name="bomb.yaml")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[EmulatorServer]]:
    config = EmulatorConfig(seed=3, failure_rate=0.5, comments_per_post=2)
    servers = [EmulatorServer(tmp_path / name, ManualClock(), config=config) for name in ("a", "b")]
    for server in servers:
        server.__enter__()
    yield servers
    for server in servers:
        server.__exit__()


def test_random_seed_is_reproducible(
    servers: list[EmulatorServer],
) -> None:
    exports = []
    for server in servers:
        with server.state.transaction() as db:
            page = db.execute("SELECT id FROM pages ORDER BY created_at LIMIT 1").fetchone()["id"]
            for number in range(20):
                db.execute(
                    "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, media) "
                    "VALUES (?, ?, 'scheduled', ?, 0, '[]')",
                    (server.state.new_id(), page, 1_795_500_000 + 600 * number),
                )
        handle = server.handle
        advanced = handle.request("advance", seconds=30 * 86_400)
        status = handle.request("status")
        assert status["posts"]["failed"] + advanced["published"] == 20
        assert 3 < status["posts"]["failed"] < 17
        comments = server.state.connection.execute("SELECT count(*) FROM comments").fetchone()[0]
        assert comments == 5 + 2 * advanced["published"]
        exports.append(handle.request("export")["seed"])
    assert exports[0] == exports[1]


def test_frozen_clock_moves_only_by_advance_until_unfrozen(
    emulator: EmulatorServer, handle: EmulatorHandle, emulator_clock: ManualClock
) -> None:
    frozen = handle.request("freeze")["now"]
    emulator_clock.advance(3600)
    assert handle.request("status")["now"] == frozen
    assert handle.request("advance", seconds=60)["now"] == "2026-11-23T12:01:00.000Z"
    handle.request("freeze", on=False)
    emulator_clock.advance(60)
    assert handle.request("status")["now"] == "2026-11-23T12:02:00.000Z"
    assert json.loads(json.dumps(handle.request("status")))["frozen"] is False


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


def test_export_keeps_all_data(emulator: EmulatorServer, handle: EmulatorHandle) -> None:
    handle.request("freeze")
    handle.request("seed", text=REFERENCE, name="a.yaml")
    token = {"Authorization": "Bearer outreply_live_everything0000000000000"}
    with httpx.Client(
        base_url=emulator.base_url, headers=token, trust_env=False, verify=False, timeout=60
    ) as http:
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
        response = http.post("/posts/schedule", json=body)
        assert response.status_code == 201, response.text
        for ids, message in ((uploads[::-1], None), (["m2"], "")):
            body = {"page_id": "p_twitter", "media_ids": ids, "message": message}
            assert http.post("/posts/publish", json=body).status_code == 201
        webhook = {"url": "http://127.0.0.1:9/", "events": ["post.failed"]}
        webhook_id = http.post("/webhooks", json=webhook).json()["webhook"]["id"]
    handle.request("rotate", id=webhook_id)
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET firstname = '', credits = 0")
        db.execute("UPDATE hooks SET disabled_at = 1795500000.25, failures = 20, created_at = 17.5")
        db.execute("UPDATE tokens SET request_count = 99, last_used_at = 1795500000.125")
        db.execute("UPDATE comments SET author_name = ''")
        db.execute("UPDATE posts SET status = 'failed' WHERE id = 's2'")
        comment = ("", "n", "Later")
        add_incoming_comment(emulator.state, "o1", comment, 1_795_586_400, "c_abc123")
    before = contents(emulator)
    exported = handle.request("export")["seed"]
    handle.request("reset")
    handle.request("seed", text=exported, name="b.yaml")
    after = contents(emulator)
    for state in (before, after):
        # Media of published posts are deleted and not exported.
        state["media"] = [row for row in state["media"] if row[-1] is None]
        active = {row[0] for row in state["media"]}
        published = {row[0] for row in state["posts"] if row[2] == "published"}
        state["post_media"] = sorted(
            row for row in state["post_media"] if row[1] in active and row[0] not in published
        )
        state["tokens"] = [row for row in state["tokens"] if row[7] is None]
        state["usage"].sort()
        # Posts published immediately have no scheduled_at.
        state["posts"] = [
            (*row[:3], *row[4:]) if row[0] in published else row for row in state["posts"]
        ]
    for table, rows in before.items():
        assert after[table] == rows, table
    assert handle.request("export")["seed"] == exported


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("{token: foo_bar}", "token: must start with one of: outreply_live_"),
        ("{token: outreply_live_x, sandbox: true}", "token: a sandbox token must start with"),
        (
            "{ip_allowlist: [10.0.0.0/8, 10.0.0]}",
            "ip_allowlist: invalid IP address or CIDR range '10.0.0'",
        ),
        ("{token: outreply_live_\xe9}", "token: must be printable ASCII"),
        ("{id: a}, {id: a}", "id: duplicate id in tokens"),
    ],
)
def test_invalid_token_in_seed_is_rejected(
    handle: EmulatorHandle, token: str, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        handle.request("seed", text=f"accounts:\n  - tokens: [{token}]", name="s.yaml")


def test_random_seed_determines_secrets(servers: list[EmulatorServer]) -> None:
    results = []
    for server in servers:
        handle = server.handle
        text = "accounts:\n  - webhooks: [{url: 'http://127.0.0.1:9/', events: [post.failed]}]"
        token = handle.request("seed", text=text)["tokens"][0]["token"]
        headers = {"X-API-Key": token}
        with httpx.Client(
            base_url=server.base_url, headers=headers, trust_env=False, verify=False, timeout=60
        ) as http:
            webhook = {"url": "http://127.0.0.1:9/", "events": ["post.failed"]}
            created = http.post("/webhooks", json=webhook).json()["webhook"]
            file = ("a.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 100, "image/jpeg")
            uploaded = http.post("/media/upload", files={"file": file}).json()["filename"]
        rotated = handle.request("rotate", id=created["id"])["secret"]
        assert len({created["secret"], rotated, token}) == 3
        exported = re.sub(r"now: .*", "", handle.request("export")["seed"])
        results.append((token, created["secret"], rotated, uploaded, exported))
    assert results[0] == results[1]
