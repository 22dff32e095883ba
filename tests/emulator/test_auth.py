"""Kinds of tokens and their caps, judged by the official SDK."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from outreply import OutReply, OutReplyError

from outreply_cli.emulator.server import EmulatorServer
from tests.clocks import ManualClock


@contextmanager
def client(emulator: EmulatorServer, **columns: object) -> Iterator[OutReply]:
    db = emulator.state.connection
    for name, value in columns.items():
        db.execute(f"UPDATE tokens SET {name} = ?", (value,))  # noqa: S608 - the test's own words
    secret = db.execute("SELECT secret FROM tokens").fetchone()[0]
    with OutReply(secret, base_url=emulator.base_url, max_retries=0) as sdk:
        yield sdk


def refusal(sdk: OutReply) -> OutReplyError:
    with pytest.raises(OutReplyError) as refused:
        sdk.pages.list()
    error: OutReplyError = refused.value
    return error


def test_a_sandbox_token_has_5_a_minute_50_a_day_and_100_in_its_life(
    emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    with client(emulator, secret="outreply_test_sandbox") as sdk:
        for _ in range(5):
            sdk.pages.list()
        assert refusal(sdk).code == "RATE_LIMITED"
        for _ in range(9):
            emulator_clock.advance(61)
            for _ in range(5):
                sdk.pages.list()
        emulator_clock.advance(61)
        daily = refusal(sdk)
        assert (daily.status, daily.code) == (429, "DAILY_LIMIT_EXCEEDED")
        emulator_clock.advance(86_400)
        for _ in range(10):
            emulator_clock.advance(61)
            for _ in range(5):
                sdk.pages.list()
        emulator_clock.advance(2 * 86_400)
        over = refusal(sdk)
        assert (over.status, over.code) == (402, "SANDBOX_EXHAUSTED")
    used = emulator.state.connection.execute(
        "SELECT count(*) FROM usage WHERE bucket IN ('reads', 'writes', 'requests')"
    ).fetchone()[0]
    assert used == 0


@pytest.mark.parametrize(
    ("allowlist", "allowed"),
    [('["127.0.0.1"]', True), ('["127.0.0.0/8"]', True), ('["10.0.0.0/8"]', False),
     ('["not an address"]', False)],
)  # fmt: skip
def test_an_allowlist_holds(emulator: EmulatorServer, allowlist: str, allowed: bool) -> None:
    with client(emulator, ip_allowlist=allowlist) as sdk:
        if allowed:
            sdk.pages.list()
        else:
            assert refusal(sdk).code == "IP_NOT_ALLOWED"


def test_a_collaborators_token_is_bound_to_its_brand_and_to_full_access(
    emulator: EmulatorServer,
) -> None:
    brand, other = (
        row[0] for row in emulator.state.connection.execute("SELECT id FROM brands ORDER BY name")
    )
    with client(emulator, on_behalf_of_brand_id=brand, issued_by_collaborator_id="c1") as sdk:
        assert [b["id"] for b in sdk.brands.list()["brands"]] == [brand]
        with pytest.raises(OutReplyError) as refused:
            sdk.pages.list(brand_id=other)
        assert refused.value.code == "BRAND_NOT_AUTHORIZED"
    with client(emulator, has_full_access=0) as sdk:
        lost = refusal(sdk)
        assert (lost.status, lost.code) == (403, "COLLABORATOR_INSUFFICIENT")


@pytest.mark.parametrize("prefix", ["outreply_live_", "orply_live_"])
def test_older_prefixes_work(emulator: EmulatorServer, prefix: str) -> None:
    with client(emulator, secret=f"{prefix}0123456789") as sdk:
        assert sdk.account.retrieve()["api_key"]["prefix"] == f"{prefix}01234"


def test_a_token_of_no_known_kind_is_nobodys(emulator: EmulatorServer) -> None:
    with client(emulator, secret="foo_bar") as sdk:
        assert refusal(sdk).code == "INVALID_TOKEN"


def test_a_sandbox_token_only_reads_whatever_it_was_given(emulator: EmulatorServer) -> None:
    with client(emulator, secret="outreply_test_everything", scopes='["*"]') as sdk:
        page = sdk.pages.list()["pages"][0]["id"]
        assert "write:posts" not in sdk.account.retrieve()["api_key"]["scopes"]
        with pytest.raises(OutReplyError) as refused:
            sdk.posts.schedule(page_id=page, message="x", scheduled_at="2026-11-24T12:00:00Z")
        assert refused.value.code == "MISSING_SCOPE"
        with pytest.raises(OutReplyError) as refused:
            sdk.webhooks.create(url="http://127.0.0.1:9/", events=["post.failed"])
        assert refused.value.code == "MISSING_SCOPE"


def test_one_wrong_entry_of_an_allowlist_leaves_the_others_in_force(
    emulator: EmulatorServer,
) -> None:
    with client(emulator, ip_allowlist='["nonsense", "127.0.0.1"]') as sdk:
        sdk.pages.list()


def test_a_collaborators_key_names_the_brand_it_is_bound_to(emulator: EmulatorServer) -> None:
    brand = emulator.state.connection.execute("SELECT id FROM brands").fetchone()[0]
    with client(emulator, on_behalf_of_brand_id=brand, issued_by_collaborator_id="c1") as sdk:
        assert sdk.account.retrieve()["api_key"]["brand_ids"] == [brand]


def get(emulator: EmulatorServer, path: str, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(emulator.base_url + path, headers=sent, trust_env=False)


@pytest.mark.parametrize(
    ("path", "columns", "fault", "status"),
    [
        ("/", "", None, 200), ("/errors", "", None, 200), ("/openapi.json", "", None, 200),
        ("/me", "revoked_at = 1", None, 401), ("/me", "expires_at = 1", None, 401),
        ("/me", "ip_allowlist = '[\"192.0.2.1\"]'", None, 403), ("/me", "", "status:503", 503),
        ("/me", "", "rate-limit:3", 429), ("/me", "", "nonsense", 400), ("/nowhere", "", None, 404),
    ],
)  # fmt: skip
def test_every_answer_tells_what_can_be_known_of_the_caller(
    emulator: EmulatorServer, path: str, columns: str, fault: str | None, status: int
) -> None:
    if columns:
        emulator.state.connection.execute(f"UPDATE tokens SET {columns}")  # noqa: S608
    asked = {"X_API_Key": emulator.token if not columns else secret_of(emulator)}
    answer = get(emulator, path, **asked, **({"X_Emulator_Fault": fault} if fault else {}))
    assert answer.status_code == status
    assert answer.headers["X-API-Tier"] == "pro"
    assert answer.headers["X-API-Scopes"] == "*"
    if status != 429:
        assert answer.headers["X-RateLimit-Limit"] == "60"
        assert int(answer.headers["X-RateLimit-Remaining"]) >= 59
        assert "X-RateLimit-Reset" in answer.headers
    stranger = get(emulator, path)
    assert "X-API-Tier" not in stranger.headers
    assert stranger.headers["X-Request-Id"].startswith("req_")


def secret_of(emulator: EmulatorServer) -> str:
    return str(emulator.state.connection.execute("SELECT secret FROM tokens").fetchone()[0])


def test_requests_count_however_they_are_answered(emulator: EmulatorServer) -> None:
    def used() -> dict[str, int]:
        rows = emulator.state.connection.execute("SELECT bucket, used FROM usage")
        return {bucket: n for bucket, n in rows if not bucket.startswith("day")}

    asked = {"X_API_Key": emulator.token}
    for _ in range(5):
        assert get(emulator, "/pages/nobody", **asked).status_code == 404
    assert used() == {"requests": 5, "reads": 5}
    assert get(emulator, "/nowhere", **asked).status_code == 404
    assert used() == {"requests": 6, "reads": 6}
    httpx.post(emulator.base_url + "/posts/publish", headers={"X-API-Key": emulator.token}, json={})
    assert used() == {"requests": 7, "reads": 6, "writes": 1}
    emulator.state.connection.execute("UPDATE tokens SET scopes = '[\"read:media\"]'")
    assert get(emulator, "/pages", X_API_Key=secret_of(emulator)).status_code == 403
    assert used() == {"requests": 8, "reads": 6, "writes": 1}
    emulator.state.connection.execute("UPDATE usage SET used = 100000 WHERE bucket = 'reads'")
    over = get(emulator, "/media", X_API_Key=secret_of(emulator))
    assert (over.json()["code"], over.json()["used"]) == ("MONTHLY_QUOTA_EXCEEDED", 100_000)
    assert used()["reads"] == 100_000
