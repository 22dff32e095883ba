"""Steering a running emulator: what it refuses, and what else moves with its clock."""

from typing import Any

import httpx
import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import OutReplyError
from tests.clocks import ManualClock


def me(emulator: EmulatorServer) -> int:
    headers = {"Authorization": f"Bearer {emulator.token}"}
    return httpx.get(emulator.base_url + "/me", headers=headers, trust_env=False).status_code


@pytest.mark.parametrize(
    ("verb", "asked"),
    [
        ("advance", {}), ("advance", {"seconds": 1e15}), ("advance", {"seconds": "1"}),
        ("advance", {"seconds": True}), ("advance", {"to": 5}), ("advance", {"to": "soon"}),
        ("advance", {"to": "9999-12-31T23:59:59Z"}), ("advance", {"seconds": -5}),
        ("deliveries", {"limit": "x"}), ("token", {"expires_in": "x"}), ("token", {"scopes": 5}),
        ("token", {"scopes": [[]]}), ("token", {"scopes": ["no"]}), ("token", {"name": 5}),
        ("seed", {"text": 5}),
        ("comment", {}), ("comment", {"post_id": "x", "message": 5}), ("rotate", {}),
        ("enable", {"id": 5}), ("fault", {"add": 5}), ("fault", {"add": "garbage", "choices": 5}),
        ("fault", {"add": "garbage", "choices": {"often": 1}}),
        ("fault", {"add": "garbage", "choices": {"every": 0}}),
        ("fault", {"add": "garbage", "choices": {"every": "1"}}),
        ("fault", {"add": "garbage", "choices": {"probability": 2}}),
        ("fault", {"add": "garbage", "choices": {"path": 5}}), ("fault", {"clear": "x"}),
        ("fault", {"add": "rate-limit:-5"}), ("fault", {"add": "rate-limit:2.5"}),
        ("nonsense", {}),
    ],
    ids=str,
)  # fmt: skip
def test_what_can_not_be_meant_is_refused_in_words(
    emulator: EmulatorServer, steer: EmulatorHandle, verb: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(OutReplyError) as refusal:
        steer.request(verb, **asked)
    answer = httpx.post(
        f"http://127.0.0.1:{emulator.port}/_emulator/{verb}",
        headers={"X-Emulator-Key": emulator.running.control_key}, json=asked,
    )  # fmt: skip
    assert refusal.value.exit_code == {400: 2, 404: 5}[answer.status_code], answer.text
    assert answer.json()["error"]


@pytest.mark.parametrize("raw", ["[]", "{", '{"name": "\\ud800"}', "\xff"])
def test_a_body_that_is_no_object_is_refused(emulator: EmulatorServer, raw: str) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{emulator.port}/_emulator/token",
        headers={"X-Emulator-Key": emulator.running.control_key}, content=raw.encode("latin-1"),
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_JSON")


def test_moving_the_clock_ends_the_minute_of_the_rate_limit(
    emulator: EmulatorServer, steer: EmulatorHandle, emulator_clock: ManualClock
) -> None:
    steer.request("freeze")
    assert [me(emulator) for _ in range(61)][-1] == 429
    steer.request("advance", seconds=30)
    assert me(emulator) == 429
    steer.request("advance", seconds=30)
    assert me(emulator) == 200
    # Real time runs it all the same, since clients wait in it.
    assert [me(emulator) for _ in range(60)][-1] == 429
    emulator_clock.advance(60)
    assert me(emulator) == 200


def test_reset_ends_faults_and_minutes_and_a_seed_ends_minutes(
    emulator: EmulatorServer, steer: EmulatorHandle
) -> None:
    for _ in range(61):
        me(emulator)
    steer.request("fault", add="status:500", choices={"path": "/brands"})
    exported = steer.request("export")["seed"]
    steer.request("seed", text=exported)
    assert me(emulator) == 200
    assert len(steer.request("fault")["faults"]) == 1
    steer.request("reset")
    assert steer.request("fault")["faults"] == []


def test_an_account_without_a_live_token_is_told_of(
    emulator: EmulatorServer, steer: EmulatorHandle
) -> None:
    text = "accounts:\n  - tokens: [{revoked: true}, {expires_at: -1h}]"
    assert steer.request("seed", text=text)["tokens"] == []
    assert steer.request("token")["token"].startswith("outreply_live_")
    steer.request("seed", text="accounts: []")
    with pytest.raises(EmulatorError, match="no account"):
        steer.request("token")
