"""Tokens that change while the emulator runs, and the audit log."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.errors import EmulatorNotFoundError
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError
from tests.clocks import ManualClock
from tests.command_line import CommandLine

CALENDAR = "".join(
    ["page,scheduled_at,message\n"]
    + [f"x:bluebird,2026-12-0{day} 09:00,Row {day}\n" for day in range(1, 7)]
)
BRAND = "Acme Co."


def get_code(emulator: EmulatorServer, token: str, path: str = "/me") -> str:
    """The error code of a request, or an empty string."""
    headers = {"Authorization": f"Bearer {token}"}
    response = httpx.get(emulator.base_url + path, headers=headers, trust_env=False)
    return str(response.json().get("code", ""))


def create(handle: EmulatorHandle, **params: Any) -> str:
    return str(handle.request("token", **params)["token"])


def test_token_states(emulator: EmulatorServer, handle: EmulatorHandle) -> None:
    sam = {"collaborator": "sam", "brands": [BRAND]}
    for name in ("active", "revoked", "expired"):
        create(handle, name=name)
    create(handle, name="downgraded", **sam)
    handle.request("revoke-token", token="revoked")
    handle.request("edit-token", token="expired", expires_in=0)
    handle.request("collaborator", id="sam", action="downgrade")
    states = {row["name"]: row["status"] for row in handle.request("tokens")["tokens"]}
    assert states == {name: name for name in states if name != "emulator"} | {"emulator": "active"}


def test_edit_keeps_other_settings(emulator: EmulatorServer, handle: EmulatorHandle) -> None:
    create(handle, name="a", scopes=["read:pages"], brands=[BRAND], expires_in=3600)
    before = handle.request("tokens")["tokens"][-1]
    after = handle.request("edit-token", token="a", ip_allowlist=["127.0.0.1"])
    assert after == before | {"ip_allowlist": ["127.0.0.1"]}
    after = handle.request("edit-token", token="a", ip_allowlist=[], brands=[], expires_in=None)
    assert after == before | {"brand_ids": [], "expires_at": None}


def test_restored_collaborator_works_again(
    emulator: EmulatorServer, handle: EmulatorHandle
) -> None:
    token = create(handle, collaborator="sam", brands=[BRAND])
    handle.request("collaborator", id="sam", action="downgrade")
    assert get_code(emulator, token) == "COLLABORATOR_INSUFFICIENT"
    handle.request("collaborator", id="sam", action="restore")
    assert get_code(emulator, token) == ""
    handle.request("collaborator", id="sam", action="remove")
    handle.request("collaborator", id="sam", action="restore")
    assert get_code(emulator, token) == "TOKEN_REVOKED"


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        ("token", {"collaborator": "sam"}, "exactly one brand"),
        ("token", {"collaborator": "", "brands": [BRAND]}, "exactly one brand"),
        ("token", {"scopes": []}, "must not be empty"),
        ("token", {"scopes": "read:pages"}, "must be a list"),
        ("token", {"ip_allowlist": ["10.0.0"]}, "invalid IP address or CIDR range '10.0.0'"),
        ("token", {"expires_in": 732 * 86_400}, "at most 2 years"),
        ("token", {"expires_in": -1}, "number of seconds"),
        ("token", {"expires_in": float("1e300")}, "number of seconds"),
        ("edit-token", {"token": "emulator"}, "nothing to change"),
        ("edit-token", {"token": 5}, "must be a string"),
        ("collaborator", {"id": "sam", "action": "promote"}, "must be one of"),
    ],
)
def test_invalid_change_is_rejected(
    handle: EmulatorHandle, operation: str, params: dict[str, Any], message: str
) -> None:
    create(handle, name="bound", collaborator="sam", brands=[BRAND])
    before = handle.request("tokens")
    with pytest.raises(InvalidInputError, match=message):
        handle.request(operation, **params)
    assert handle.request("tokens") == before


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("edit-token", {"token": "nope", "expires_in": 0}), ("rotate-token", {"token": "nope"}),
        ("revoke-token", {"token": ""}), ("collaborator", {"id": "nope", "action": "remove"}),
        ("token", {"brands": ["nope"]}),
    ],
)  # fmt: skip
def test_unknown_name_is_not_found(
    handle: EmulatorHandle, operation: str, params: dict[str, Any]
) -> None:
    with pytest.raises(EmulatorNotFoundError):
        handle.request(operation, **params)


def test_ambiguous_name_lists_ids(handle: EmulatorHandle) -> None:
    for _ in range(2):
        create(handle, name="same")
    ids = [row["id"] for row in handle.request("tokens")["tokens"] if row["name"] == "same"]
    with pytest.raises(InvalidInputError) as error:
        handle.request("revoke-token", token="same")
    assert all(token_id in str(error.value.hint) for token_id in ids)
    assert handle.request("revoke-token", token=ids[1])["status"] == "revoked"


def test_bound_token_keeps_its_brand(handle: EmulatorHandle) -> None:
    create(handle, name="bound", collaborator="sam", brands=[BRAND])
    with pytest.raises(InvalidInputError, match="bound to its brand"):
        handle.request("edit-token", token="bound", brands=["Bluebird Coffee"])


def test_revoked_token_is_not_rotated(handle: EmulatorHandle) -> None:
    create(handle, name="old")
    handle.request("revoke-token", token="old")
    with pytest.raises(InvalidInputError, match="is revoked"):
        handle.request("rotate-token", token="old")


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("[" + "{}," * 11 + "]", "tokens: the tier 'free' allows 10 active keys"),
        ("[{expires_at: +732d}]", "expires_at: a token expires after at most 2 years"),
    ],
)
def test_seed_beyond_limits_is_rejected(handle: EmulatorHandle, tokens: str, message: str) -> None:
    before = handle.request("export")
    with pytest.raises(InvalidInputError, match=message):
        handle.request("seed", text=f"accounts: [{{tier: free, tokens: {tokens}}}]", name="s.yaml")
    assert handle.request("export") == before


def test_sandbox_and_inactive_tokens_do_not_count(handle: EmulatorHandle) -> None:
    tokens = "{}," * 10 + "{revoked: true}, {expires_at: -1h}, {sandbox: true}"
    handle.request("seed", text=f"accounts: [{{tier: free, tokens: [{tokens}]}}]", name="s.yaml")
    with pytest.raises(InvalidInputError, match="10 active keys"):
        create(handle)
    free = next(row for row in handle.request("tokens")["tokens"] if row["status"] == "active")
    handle.request("revoke-token", token=free["id"])
    assert create(handle)


@pytest.mark.parametrize(
    ("operation", "params", "error"),
    [
        ("revoke-token", {}, "TOKEN_REVOKED"), ("edit-token", {"expires_in": 0}, "TOKEN_EXPIRED"),
        ("rotate-token", {}, "INVALID_TOKEN"),
        ("edit-token", {"ip_allowlist": ["192.0.2.1"]}, "IP_NOT_ALLOWED"),
        ("edit-token", {"brands": [BRAND]}, "page not found: x:bluebird"),
        ("edit-token", {"scopes": ["read:posts", "read:pages", "read:account"]}, "MISSING_SCOPE"),
    ],
)  # fmt: skip
def test_bulk_run_whose_token_changes_is_finished_by_another(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, *, operation: str,
    params: dict[str, Any], error: str,
) -> None:  # fmt: skip
    calendar = tmp_path / "calendar.csv"
    calendar.write_text(CALENDAR)
    # Every second post fails, so that half of the rows are left.
    fault = {"path": "/posts/schedule", "every": 2}
    emulator.handle.request("fault", add="status:403", options=fault)
    assert cli.run("bulk", "schedule", str(calendar), "--concurrency", "1").code != 0
    emulator.handle.request("fault", clear=None)
    assert 0 < len(list_scheduled(emulator)) < 6
    emulator.handle.request(operation, token="emulator", **params)
    refused = cli.run("bulk", "schedule", str(calendar))
    assert refused.code in {2, 4}, refused.err
    assert error in refused.err
    cli.environ["OUTREPLY_API_KEY"] = emulator.handle.request("token", name="new")["token"]
    emulator.handle.request("advance", seconds=300)
    assert cli.run("bulk", "schedule", str(calendar)).code == 0
    assert list_scheduled(emulator) == [f"Row {day}" for day in range(1, 7)]


def list_scheduled(emulator: EmulatorServer) -> list[str]:
    sql = "SELECT message FROM posts WHERE status = 'scheduled' ORDER BY message"
    return [row["message"] for row in emulator.state.connection.execute(sql)]


def test_audit_logs_rejected_requests(emulator: EmulatorServer, handle: EmulatorHandle) -> None:
    token = create(handle, name="t", scopes=["read:account"])
    for path in ("/pages", "/nope", "/me"):
        get_code(emulator, token, path)
    handle.request("revoke-token", token="t")
    get_code(emulator, token)
    get_code(emulator, "outreply_live_unknown")
    entries = handle.request("audit", event="request")["entries"]
    found = [(entry["path"], entry["status"], entry["denied_scope"]) for entry in entries]
    assert found == [
        ("/api/v1/me", 401, None), ("/api/v1/me", 200, None), ("/api/v1/nope", 404, None),
        ("/api/v1/pages", 403, "read:pages"),
    ]  # fmt: skip
    denied = handle.request("audit", denied=True)["entries"]
    assert [entry["status"] for entry in denied] == [401, 403]
    assert token not in json.dumps(entries)


def test_audit_is_bounded(emulator: EmulatorServer, handle: EmulatorHandle) -> None:
    with emulator.state.transaction() as db:
        db.executemany(
            "INSERT INTO audit (at, event, token_id, token_name) VALUES (0, 'request', '', '')",
            [()] * 2_000,
        )
    create(handle, name="x")
    handle.request("advance", seconds=1)
    rows = emulator.state.connection.execute("SELECT event FROM audit").fetchall()
    assert [row["event"] for row in rows] == ["token.created"]


def test_audit_survives_a_stop(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "e.db", ManualClock()) as emulator:
        assert get_code(emulator, emulator.token) == ""
    with EmulatorServer(tmp_path / "e.db", ManualClock()) as emulator:
        assert len(emulator.handle.request("audit")["entries"]) == 1


def test_state_of_an_older_version_gets_logs(tmp_path: Path) -> None:
    path = tmp_path / "e.db"
    with EmulatorServer(path, ManualClock()):
        pass
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript("DROP TABLE audit; DROP TABLE attempts; PRAGMA user_version = 3")
    with EmulatorServer(path, ManualClock()) as emulator:
        assert get_code(emulator, emulator.token) == ""
        assert len(emulator.handle.request("audit")["entries"]) == 1


def test_snapshot_keeps_tokens_and_audit(
    emulator: EmulatorServer, handle: EmulatorHandle, tmp_path: Path
) -> None:
    token = create(handle, name="t")
    assert get_code(emulator, token) == ""
    before = handle.request("audit")
    handle.request("snapshot", save=str(tmp_path / "s.db"))
    handle.request("rotate-token", token="t")
    assert get_code(emulator, token) == "INVALID_TOKEN"
    handle.request("snapshot", load=str(tmp_path / "s.db"))
    assert handle.request("audit") == before
    assert get_code(emulator, token) == ""
