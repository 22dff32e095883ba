"""Tokens that change while the emulator runs, and the audit log."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.errors import EmulatorError, EmulatorNotFoundError
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
    response = httpx.get(
        emulator.base_url + path, headers=headers, trust_env=False, verify=False, timeout=60
    )
    return str(response.json().get("code", ""))


def create(handle: EmulatorHandle, **params: Any) -> str:
    return str(handle.request("token", **params)["token"])


def test_token_has_the_status_of_its_last_change(
    emulator: EmulatorServer, handle: EmulatorHandle
) -> None:
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
    with emulator.state.transaction() as db:
        rows = db.execute("SELECT event FROM audit").fetchall()
    assert [row["event"] for row in rows] == ["token.created"]


def test_audit_survives_a_stop(tmp_path: Path) -> None:
    with EmulatorServer(tmp_path / "e.db", ManualClock()) as emulator:
        assert get_code(emulator, emulator.token) == ""
    with EmulatorServer(tmp_path / "e.db", ManualClock()) as emulator:
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


def test_extended_token_counts_as_a_key(handle: EmulatorHandle) -> None:
    handle.request("edit-token", token="emulator", expires_in=0)
    for number in range(10):
        create(handle, name=f"key {number}")
    with pytest.raises(InvalidInputError, match="10 active keys"):
        handle.request("edit-token", token="emulator", expires_in=None)
    assert handle.request("tokens")["tokens"][0]["status"] == "expired"


def test_token_belongs_to_the_account_of_its_brand(handle: EmulatorHandle) -> None:
    accounts = [
        f"{{email: {name}@example.com, brands: [{{name: {name}}}], tokens: [{{}}]}}"
        for name in ("a", "b")
    ]
    handle.request("seed", text=f"accounts: [{', '.join(accounts)}]", name="s.yaml")
    before = {row["id"] for row in handle.request("tokens")["tokens"]}
    for brand in ("a", "b"):
        create(handle, name=brand, brands=[brand])
    rows = [row for row in handle.request("tokens")["tokens"] if row["id"] not in before]
    assert [row["name"] for row in rows] == ["a", "b"]
    assert rows[0]["brand_ids"] != rows[1]["brand_ids"]


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("{scopes: []}", "scopes: must not be empty"),
        ("{collaborator: sam}", "requires on_behalf_of, its brand"),
        ("{collaborator: sam, scopes: [read:pages]}", "requires on_behalf_of, its brand"),
    ],
)
def test_seed_token_without_limits_is_rejected(
    handle: EmulatorHandle, token: str, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        handle.request("seed", text=f"accounts: [{{tokens: [{token}]}}]", name="s.yaml")


def test_short_id_finds_token_and_webhook(emulator: EmulatorServer, handle: EmulatorHandle) -> None:
    create(handle, name="t")
    token_id = handle.request("tokens")["tokens"][-1]["id"]
    assert handle.request("revoke-token", token=token_id[:6])["id"] == token_id
    with pytest.raises(EmulatorNotFoundError):
        handle.request("revoke-token", token=token_id[:5])
    body = {"url": "http://127.0.0.1:9/", "events": ["post.failed"]}
    headers = {"X-API-Key": emulator.token}
    url = f"{emulator.base_url}/webhooks"
    hook = httpx.post(
        url, json=body, headers=headers, trust_env=False, verify=False, timeout=60
    ).json()["id"]
    assert handle.request("enable", id=hook[:6])["id"] == hook


def test_ids_are_not_reused_after_reset_and_load(tmp_path: Path) -> None:
    config = EmulatorConfig(seed=7)
    with EmulatorServer(tmp_path / "seeded.db", ManualClock(), config=config) as seeded:
        handle = seeded.handle
        snapshot = str(tmp_path / "s.db")
        handle.request("snapshot", save=snapshot)
        seen: set[str] = set()
        for operation, params in (
            ("reset", {}), ("snapshot", {"load": snapshot}), ("reset", {}),
        ):  # fmt: skip
            new = {handle.request("token", name="t")["id"]}
            assert not new & seen
            seen |= new | {row["id"] for row in handle.request("tokens")["tokens"]}
            handle.request(operation, **params)


@pytest.mark.parametrize("scopes", [["read:account"], ["*"]])
def test_webhook_of_a_restricted_token_gets_its_brands_only(
    emulator: EmulatorServer, handle: EmulatorHandle, scopes: list[str]
) -> None:
    token = create(handle, name="acme", brands=[BRAND], scopes=scopes)
    body = {"url": "http://127.0.0.1:9/", "events": ["post.published"]}
    with httpx.Client(
        base_url=emulator.base_url, trust_env=False, verify=False, timeout=60
    ) as http:
        full, narrow = {"X-API-Key": emulator.token}, {"X-API-Key": token}
        other = http.post("/webhooks", json=body, headers=full).json()["id"]
        own = http.post("/webhooks", json=body, headers=narrow).json()["id"]
        listed = http.get("/webhooks", headers=narrow).json()["webhooks"]
        assert [webhook["id"] for webhook in listed] == [own]
        assert http.get(f"/webhooks/{other}", headers=narrow).status_code == 404
        assert http.delete(f"/webhooks/{other}", headers=narrow).status_code == 404
        for page in http.get("/pages", headers=full).json()["pages"]:
            post = {"page_id": page["id"], "message": "x",
                    "scheduled_at": "2026-11-24T12:00:00Z"}  # fmt: skip
            assert http.post("/posts/schedule", json=post, headers=full).is_success
    handle.request("advance", seconds=2 * 86_400)
    rows = emulator.state.connection.execute(
        "SELECT hook_id, count(*) AS n FROM deliveries GROUP BY hook_id"
    ).fetchall()
    assert {row["hook_id"]: row["n"] for row in rows} == {other: 6, own: 3}


def test_snapshot_with_invalid_json_is_rejected(
    emulator: EmulatorServer, handle: EmulatorHandle, tmp_path: Path
) -> None:
    path = tmp_path / "s.db"
    handle.request("snapshot", save=str(path))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE tokens SET scopes = 'nope'")
    with pytest.raises(EmulatorError, match="a value is not JSON"):
        handle.request("snapshot", load=str(path))
    assert get_code(emulator, emulator.token) == ""


@pytest.mark.parametrize("message", ["", " ", "x" * 100_001])
def test_invalid_comment_is_rejected(handle: EmulatorHandle, message: str) -> None:
    post_id = get_published_id(handle)
    with pytest.raises(InvalidInputError, match="1 to 100,000 characters"):
        handle.request("comment", post_id=post_id, message=message)


def get_published_id(handle: EmulatorHandle) -> str:
    """The ID of a published post."""
    seed = handle.request("export")["seed"]
    (account,) = yaml.safe_load(seed)["accounts"]
    return next(str(post["id"]) for post in account["posts"] if "published_at" in post)


@pytest.mark.parametrize(
    ("secret", "prefix"),
    [
        ("outreply_live_my_token_abc", "outreply_live_my_to"),
        ("outreply_live_0123456789", "outreply_live_01234"),
        ("outreply_test_a_b_c_d_e_f", "outreply_test_a_b_c"),
        ("outreply_live_", "outreply_live_"),
    ],
)
def test_prefix_hides_the_secret(emulator: EmulatorServer, secret: str, prefix: str) -> None:
    with emulator.state.transaction() as db:
        db.execute("UPDATE tokens SET secret = ? WHERE rowid = 1", (secret,))
    me = httpx.get(
        f"{emulator.base_url}/me", headers={"X-API-Key": secret}, trust_env=False, timeout=60
    )
    assert me.json()["api_key"]["prefix"] == prefix
    tokens = emulator.handle.request("tokens")["tokens"]
    assert prefix in [token["prefix"] for token in tokens]
