"""Requests are counted exactly, though their counts are written together with others."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.emulator.state import State
from tests.clocks import ManualClock


def read_counts(state: State) -> dict[str, int]:
    """Return the monthly usage, the requests of the day and of all tokens, and the audit log."""
    with state.transaction() as db:
        rows = db.execute("SELECT bucket, used FROM usage WHERE used > 0").fetchall()
        (tokens,) = db.execute("SELECT sum(request_count) FROM tokens").fetchone()
        (audit,) = db.execute("SELECT count(*) FROM audit WHERE event = 'request'").fetchone()
    counts = {"day" if name.startswith("day") else name: used for name, used in rows}
    return counts | {"tokens": tokens, "audit": audit}


def expect(reads: int, posts: int = 0, **more: int) -> dict[str, int]:
    """Return the counts after requests that read, and others that schedule posts."""
    requests = reads + posts
    return {"day": requests, "tokens": requests, "audit": requests, "reads": reads} | more


def schedule(http: httpx.Client, **fields: Any) -> httpx.Response:
    page = http.get("/pages").json()["pages"][0]["id"]
    body = {"page_id": page, "message": "Hello", "scheduled_at": "2026-12-24T12:00:00Z", **fields}
    return http.post("/posts/schedule", json=body)


def test_requests_beyond_one_batch_of_writes_are_counted(
    emulator: EmulatorServer, emulator_clock: ManualClock, http: httpx.Client
) -> None:
    for _ in range(130):
        # A minute has fewer requests than the rate limit.
        emulator_clock.advance(2)
        assert http.get("/brands").is_success
    assert read_counts(emulator.state) == expect(reads=130)


def test_refused_requests_keep_earlier_counts(emulator: EmulatorServer, http: httpx.Client) -> None:
    assert schedule(http).status_code == 201
    assert schedule(http, message="").status_code == 400
    for token in ("outreply_live_unknown", "unknown"):
        refused = http.get("/pages", headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 401
    assert read_counts(emulator.state) == expect(reads=2, posts=2, publishes=1)


def test_failed_admin_operation_keeps_counts(
    emulator: EmulatorServer, handle: EmulatorHandle, http: httpx.Client
) -> None:
    http.get("/pages")
    with pytest.raises(EmulatorError, match="unknown"):
        handle.request("rotate-token", token="unknown")
    assert read_counts(emulator.state) == expect(reads=1)


def test_failure_of_the_emulator_keeps_earlier_counts(
    emulator: EmulatorServer, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> str:
        raise ZeroDivisionError

    http.get("/pages")
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr("outreply_cli.emulator.account.get_followers", fail)
            assert http.get("/pages").status_code == 500
        assert http.get("/brands").is_success
    counts = read_counts(emulator.state)
    assert counts.pop("audit") == 3
    assert counts == dict.fromkeys(("day", "tokens", "reads"), 5)


def test_account_shows_its_own_request(http: httpx.Client, handle: EmulatorHandle) -> None:
    for requests in (1, 2, 3):
        account = http.get("/account").json()
        assert account["api_key"]["request_count"] == requests
        monthly = account["quota"]["monthly"]
        assert (monthly["reads"]["used"], monthly["total_requests"]) == (requests, requests)
        tokens = handle.request("tokens")["tokens"]
        assert sum(token["request_count"] for token in tokens) == requests


def test_monthly_counts_add_up(handle: EmulatorHandle, http: httpx.Client) -> None:
    """They do so in the example of the reference, where no request is in two buckets."""
    hook = {"url": "http://127.0.0.1:9/", "events": ["post.failed"]}
    assert http.post("/webhooks", json=hook).status_code == 201
    assert schedule(http).status_code == 201
    page = http.get("/pages").json()["pages"][0]["id"]
    post = http.post("/posts/publish", json={"page_id": page, "message": "Hello"})
    assert post.status_code == 201
    (listed, *_) = http.get("/posts/published").json()["published_posts"]
    comment = handle.request(
        "comment", post_id=listed["id"], message="Hi", name="Jo", username="jo"
    )
    reply = {"comment_id": comment["id"], "message": "Hello"}
    assert http.post("/comments/reply", json=reply).status_code == 201
    monthly = http.get("/account").json()["quota"]["monthly"]
    used = {name: monthly[name]["used"] for name in ("publishes", "replies", "reads", "writes")}
    assert used == {"publishes": 2, "replies": 1, "reads": 4, "writes": 1}
    assert monthly["total_requests"] == sum(used.values()) + monthly["webhooks"]["used"]


def test_last_reads_of_a_quota_are_counted_one_by_one(
    emulator: EmulatorServer, http: httpx.Client
) -> None:
    http.get("/pages")
    with emulator.state.transaction() as db:
        db.execute("UPDATE usage SET used = 99997 WHERE bucket = 'reads'")
    statuses = [http.get("/pages").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert read_counts(emulator.state)["reads"] == 100_000


def test_snapshot_has_counts_and_replaces_them(
    emulator: EmulatorServer, handle: EmulatorHandle, http: httpx.Client, tmp_path: Path
) -> None:
    path = str(tmp_path / "counts.db")
    for _ in range(2):
        http.get("/pages")
    handle.request("snapshot", save=path)
    http.get("/pages")
    handle.request("snapshot", load=path)
    assert read_counts(emulator.state) == expect(reads=2)
    http.get("/pages")
    assert read_counts(emulator.state) == expect(reads=3)


def test_stop_writes_counts(tmp_path: Path, emulator_clock: ManualClock) -> None:
    path = tmp_path / "stopped.db"
    with EmulatorServer(path, emulator_clock) as server:
        headers = {"X-API-Key": server.token}
        url = f"{server.base_url}/pages"
        assert httpx.get(url, headers=headers, trust_env=False, timeout=60).is_success
    state = State(path, emulator_clock)
    try:
        assert read_counts(state) == expect(reads=1)
    finally:
        state.close()
