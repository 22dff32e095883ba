"""Kinds of tokens and their caps, judged by the official SDK."""

from collections.abc import Iterator
from contextlib import contextmanager

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
    emulator: EmulatorServer, emulated_clock: ManualClock
) -> None:
    with client(emulator, secret="outreply_test_sandbox") as sdk:
        for _ in range(5):
            sdk.pages.list()
        assert refusal(sdk).code == "RATE_LIMITED"
        for _ in range(9):
            emulated_clock.advance(61)
            for _ in range(5):
                sdk.pages.list()
        emulated_clock.advance(61)
        daily = refusal(sdk)
        assert (daily.status, daily.code) == (429, "DAILY_LIMIT_EXCEEDED")
        emulated_clock.advance(86_400)
        for _ in range(10):
            emulated_clock.advance(61)
            for _ in range(5):
                sdk.pages.list()
        emulated_clock.advance(2 * 86_400)
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
