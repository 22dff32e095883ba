"""The admin API: invalid parameters, the clock and resets."""

from typing import Any

import httpx
import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import OutReplyError
from tests.clocks import ManualClock


def get_me_status(emulator: EmulatorServer) -> int:
    headers = {"Authorization": f"Bearer {emulator.token}"}
    return httpx.get(
        emulator.base_url + "/me", headers=headers, trust_env=False, verify=False, timeout=60
    ).status_code


@pytest.mark.parametrize(
    ("verb", "params"),
    [
        ("advance", {}), ("advance", {"seconds": 1e15}), ("advance", {"seconds": "1"}),
        ("advance", {"seconds": True}), ("advance", {"to": 5}), ("advance", {"to": "soon"}),
        ("advance", {"to": "9999-12-31T23:59:59Z"}), ("advance", {"seconds": -5}),
        ("deliveries", {"limit": "x"}), ("token", {"expires_in": "x"}), ("token", {"scopes": 5}),
        ("token", {"scopes": [[]]}), ("token", {"scopes": ["no"]}), ("token", {"name": 5}),
        ("seed", {"text": 5}),
        ("comment", {}), ("comment", {"post_id": "x", "message": 5}), ("rotate", {}),
        ("enable", {"id": 5}), ("fault", {"add": 5}), ("fault", {"add": "garbage", "options": 5}),
        ("fault", {"add": "garbage", "options": {"often": 1}}),
        ("fault", {"add": "garbage", "options": {"every": 0}}),
        ("fault", {"add": "garbage", "options": {"every": "1"}}),
        ("fault", {"add": "garbage", "options": {"probability": 2}}),
        ("fault", {"add": "garbage", "options": {"path": 5}}), ("fault", {"clear": "x"}),
        ("fault", {"add": "rate-limit:-5"}), ("fault", {"add": "rate-limit:2.5"}),
        ("nonsense", {}),
    ],
    ids=str,
)  # fmt: skip
def test_admin_invalid_params_are_rejected(
    emulator: EmulatorServer, handle: EmulatorHandle, verb: str, params: dict[str, Any]
) -> None:
    with pytest.raises(OutReplyError) as error:
        handle.request(verb, **params)
    response = httpx.post(
        f"http://127.0.0.1:{emulator.port}/_emulator/{verb}",
        headers={"X-Emulator-Key": emulator.handle.admin_key}, json=params, timeout=60,
    )  # fmt: skip
    assert error.value.exit_code == {400: 2, 404: 5}[response.status_code], response.text
    assert response.json()["error"]


@pytest.mark.parametrize("raw", ["[]", "{", '{"name": "\\ud800"}', "\xff"])
def test_admin_request_with_invalid_json_is_rejected(emulator: EmulatorServer, raw: str) -> None:
    response = httpx.post(
        f"http://127.0.0.1:{emulator.port}/_emulator/token",
        headers={"X-Emulator-Key": emulator.handle.admin_key}, content=raw.encode("latin-1"),
        timeout=60,
    )  # fmt: skip
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_JSON")


@pytest.mark.slow
def test_advance_resets_rate_limit(
    emulator: EmulatorServer, handle: EmulatorHandle, emulator_clock: ManualClock
) -> None:
    handle.request("freeze")
    assert [get_me_status(emulator) for _ in range(61)][-1] == 429
    handle.request("advance", seconds=30)
    assert get_me_status(emulator) == 429
    handle.request("advance", seconds=30)
    assert get_me_status(emulator) == 200
    # Real time counts too, since clients wait in real time.
    assert [get_me_status(emulator) for _ in range(60)][-1] == 429
    emulator_clock.advance(60)
    assert get_me_status(emulator) == 200


def test_reset_clears_faults_and_rate_limit(
    emulator: EmulatorServer, handle: EmulatorHandle
) -> None:
    for _ in range(61):
        get_me_status(emulator)
    handle.request("fault", add="status:500", options={"path": "/brands"})
    exported = handle.request("export")["seed"]
    handle.request("seed", text=exported)
    assert get_me_status(emulator) == 200
    assert len(handle.request("fault")["faults"]) == 1
    handle.request("reset")
    assert handle.request("fault")["faults"] == []


def test_token_is_created_without_an_active_one_if_there_is_an_account(
    emulator: EmulatorServer, handle: EmulatorHandle
) -> None:
    text = "accounts:\n  - tokens: [{revoked: true}, {expires_at: -1h}]"
    assert handle.request("seed", text=text)["tokens"] == []
    assert handle.request("token")["token"].startswith("outreply_live_")
    handle.request("seed", text="accounts: []")
    with pytest.raises(EmulatorError, match="no account"):
        handle.request("token")
