"""Kinds of tokens and their limits, tested with the official SDK."""

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
        db.execute(f"UPDATE tokens SET {name} = ?", (value,))  # noqa: S608
    secret = db.execute("SELECT secret FROM tokens").fetchone()[0]
    with OutReply(secret, base_url=emulator.base_url, max_retries=0) as sdk:
        yield sdk


def list_pages_error(sdk: OutReply) -> OutReplyError:
    with pytest.raises(OutReplyError) as raised:
        sdk.pages.list()
    error: OutReplyError = raised.value
    return error


def test_sandbox_token_is_limited_per_minute_per_day_and_in_total(
    emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    with client(emulator, secret="outreply_test_sandbox") as sdk:
        for _ in range(5):
            sdk.pages.list()
        assert list_pages_error(sdk).code == "RATE_LIMITED"
        for _ in range(9):
            emulator_clock.advance(61)
            for _ in range(5):
                sdk.pages.list()
        emulator_clock.advance(61)
        daily = list_pages_error(sdk)
        assert (daily.status, daily.code) == (429, "DAILY_LIMIT_EXCEEDED")
        emulator_clock.advance(86_400)
        for _ in range(10):
            emulator_clock.advance(61)
            for _ in range(5):
                sdk.pages.list()
        emulator_clock.advance(2 * 86_400)
        exhausted = list_pages_error(sdk)
        assert (exhausted.status, exhausted.code) == (402, "SANDBOX_EXHAUSTED")
    assert get_usage(emulator) == {}


@pytest.mark.parametrize(
    ("allowlist", "allowed"),
    [('["127.0.0.1"]', True), ('["127.0.0.0/8"]', True), ('["10.0.0.0/8"]', False),
     ('["not an address"]', False)],
)  # fmt: skip
def test_only_addresses_in_the_ip_allowlist_are_accepted(
    emulator: EmulatorServer, allowlist: str, allowed: bool
) -> None:
    with client(emulator, ip_allowlist=allowlist) as sdk:
        if allowed:
            sdk.pages.list()
        else:
            assert list_pages_error(sdk).code == "IP_NOT_ALLOWED"


def test_collaborator_token_requires_brand_and_full_access(
    emulator: EmulatorServer,
) -> None:
    brand, other = (
        row[0] for row in emulator.state.connection.execute("SELECT id FROM brands ORDER BY name")
    )
    with client(emulator, on_behalf_of_brand_id=brand, issued_by_collaborator_id="c1") as sdk:
        assert [b["id"] for b in sdk.brands.list()["brands"]] == [brand]
        with pytest.raises(OutReplyError) as error:
            sdk.pages.list(brand_id=other)
        assert error.value.code == "BRAND_NOT_AUTHORIZED"
    with client(emulator, has_full_access=0) as sdk:
        error = list_pages_error(sdk)
        assert (error.status, error.code) == (403, "COLLABORATOR_INSUFFICIENT")


@pytest.mark.parametrize("prefix", ["outreply_live_", "orply_live_"])
def test_token_of_either_prefix_is_accepted(emulator: EmulatorServer, prefix: str) -> None:
    with client(emulator, secret=f"{prefix}0123456789") as sdk:
        assert sdk.account.retrieve()["api_key"]["prefix"] == f"{prefix}01234"


def test_unknown_token_prefix_is_rejected(emulator: EmulatorServer) -> None:
    with client(emulator, secret="foo_bar") as sdk:
        assert list_pages_error(sdk).code == "INVALID_TOKEN"


def test_sandbox_token_is_read_only(emulator: EmulatorServer) -> None:
    with client(emulator, secret="outreply_test_everything", scopes='["*"]') as sdk:
        page = sdk.pages.list()["pages"][0]["id"]
        assert "write:posts" not in sdk.account.retrieve()["api_key"]["scopes"]
        with pytest.raises(OutReplyError) as error:
            sdk.posts.schedule(page_id=page, message="x", scheduled_at="2026-11-24T12:00:00Z")
        assert error.value.code == "MISSING_SCOPE"
        with pytest.raises(OutReplyError) as error:
            sdk.webhooks.create(url="http://127.0.0.1:9/", events=["post.failed"])
        assert error.value.code == "MISSING_SCOPE"


def test_ip_allowlist_ignores_invalid_entries(
    emulator: EmulatorServer,
) -> None:
    with client(emulator, ip_allowlist='["nonsense", "127.0.0.1"]') as sdk:
        sdk.pages.list()


def test_collaborator_token_lists_its_brand(emulator: EmulatorServer) -> None:
    brand = emulator.state.connection.execute("SELECT id FROM brands").fetchone()[0]
    with client(emulator, on_behalf_of_brand_id=brand, issued_by_collaborator_id="c1") as sdk:
        assert sdk.account.retrieve()["api_key"]["brand_ids"] == [brand]


def get(emulator: EmulatorServer, path: str, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(
        emulator.base_url + path, headers=sent, trust_env=False, verify=False, timeout=60
    )


@pytest.mark.parametrize(
    ("path", "columns", "fault", "status"),
    [
        ("/", "", None, 200), ("/errors", "", None, 200), ("/openapi.json", "", None, 200),
        ("/me", "revoked_at = 1", None, 401), ("/me", "expires_at = 1", None, 401),
        ("/me", "ip_allowlist = '[\"192.0.2.1\"]'", None, 403), ("/me", "", "status:503", 503),
        ("/me", "", "rate-limit:3", 429), ("/me", "", "nonsense", 400), ("/nowhere", "", None, 404),
    ],
)  # fmt: skip
def test_every_response_has_tier_and_rate_limit_headers(
    emulator: EmulatorServer, path: str, columns: str, fault: str | None, status: int
) -> None:
    if columns:
        emulator.state.connection.execute(f"UPDATE tokens SET {columns}")  # noqa: S608
    auth = {"X_API_Key": get_secret(emulator)}
    response = get(emulator, path, **auth, **({"X_Emulator_Fault": fault} if fault else {}))
    assert response.status_code == status
    assert response.headers["X-API-Tier"] == "pro"
    assert response.headers["X-API-Scopes"] == "*"
    if status != 429:
        assert response.headers["X-RateLimit-Limit"] == "60"
        assert int(response.headers["X-RateLimit-Remaining"]) >= 59
        assert "X-RateLimit-Reset" in response.headers
    anonymous = get(emulator, path)
    assert "X-API-Tier" not in anonymous.headers
    assert anonymous.headers["X-Request-Id"].startswith("req_")


def get_secret(emulator: EmulatorServer) -> str:
    return str(emulator.state.connection.execute("SELECT secret FROM tokens").fetchone()[0])


def get_usage(emulator: EmulatorServer) -> dict[str, int]:
    """Return the monthly usage by bucket."""
    with emulator.state.transaction() as db:
        rows = db.execute("SELECT bucket, used FROM usage").fetchall()
    return {bucket: count for bucket, count in rows if not bucket.startswith("day")}


def test_usage_counts_failed_requests(emulator: EmulatorServer) -> None:
    auth = {"X_API_Key": emulator.token}
    for _ in range(5):
        assert get(emulator, "/pages/nope", **auth).status_code == 404
    assert get_usage(emulator) == {"reads": 5}
    assert get(emulator, "/nowhere", **auth).status_code == 404
    assert get_usage(emulator) == {"reads": 6}
    for path in ("/posts/publish", "/posts/schedule", "/comments/reply", "/webhooks", "/nowhere"):
        headers = {"X-API-Key": emulator.token}
        sent = httpx.post(emulator.base_url + path, headers=headers, json={}, timeout=60)
        assert sent.status_code in {400, 404}
    # Publishes and replies have separate buckets.
    assert get_usage(emulator) == {"reads": 6, "writes": 2}
    emulator.state.connection.execute("UPDATE tokens SET scopes = '[\"read:media\"]'")
    assert get(emulator, "/pages", X_API_Key=get_secret(emulator)).status_code == 403
    assert get_usage(emulator) == {"reads": 6, "writes": 2}
    emulator.state.connection.execute("UPDATE usage SET used = 100000 WHERE bucket = 'reads'")
    error = get(emulator, "/media", X_API_Key=get_secret(emulator))
    assert (error.json()["code"], error.json()["used"]) == ("MONTHLY_QUOTA_EXCEEDED", 100_000)
    assert get_usage(emulator)["reads"] == 100_000
