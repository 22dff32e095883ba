"""The emulator against the tables of the reference; every row is tested."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator

from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.openapi import document
from outreply_cli.emulator.schemas import error_component
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.errors import CATALOG
from outreply_cli.spec.limits import EVENTS, TOKEN_PREFIXES
from outreply_cli.spec.webhooks import RETRY_SECONDS
from tests.clocks import ManualClock

HERE = Path(__file__).parent
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@cache
def reference() -> dict[str, Any]:
    text = (HERE / "reference.yaml").read_text()
    tables: dict[str, Any] = yaml.safe_load(text)
    return tables


class Api:
    """The emulator over plain HTTP."""

    def __init__(self, server: EmulatorServer, clock: ManualClock) -> None:
        self.server, self.clock = server, clock
        self.http = httpx.Client(base_url=server.base_url, trust_env=False)
        self.handle = server.handle

    def send(
        self, method: str, path: str, *, token: str | None = "everything",  # noqa: S107 - a name
        body: Any = None,
        headers: dict[str, str] | None = None, **more: Any,
    ) -> httpx.Response:  # fmt: skip
        secret = next(
            (
                row["secret"]
                for row in self.server.state.connection.execute(
                    "SELECT secret FROM tokens WHERE name = ?", (token,)
                )
            ),
            token,
        )
        sent = {"Authorization": f"Bearer {secret}"} if secret else {}
        if body is not None:
            more["json"] = body
        return self.http.request(method, path, headers={**sent, **(headers or {})}, **more)

    def schedule(self, page: str, at: datetime, **more: Any) -> httpx.Response:
        body = {"page_id": page, "message": "x", "scheduled_at": at.isoformat(), **more}
        return self.send("POST", "/posts/schedule", body=body)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    clock = ManualClock(NOW)
    with EmulatorServer(tmp_path / "e.db", clock, config=EmulatorConfig(seed=7)) as server:
        api = Api(server, clock)
        text = (HERE / "reference_account.yaml").read_text()
        api.handle.request("seed", text=text, name="reference_account.yaml")
        yield api
        api.http.close()


NAMES = {
    "{brand}": "b1", "{page}": "p_instagram", "{post}": "s1", "{published}": "o1",
    "{comment}": "c_abc123", "{media}": "m1",
    "{soon}": (NOW + timedelta(days=5)).isoformat().replace("+00:00", "Z"),
}  # fmt: skip


def fill_names(text: str) -> str:
    for name, value in NAMES.items():
        text = text.replace(name, value)
    return text


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[-1])] if value else []
    return "number" if isinstance(value, int) and not isinstance(value, bool) else type(value)


def get_path(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[part]
    return value


def get_row_id(row: Any) -> str:
    return f"{row['method']} {row['path'].partition('?')[0]}" if isinstance(row, dict) else str(row)


@pytest.mark.parametrize("row", reference()["endpoints"], ids=get_row_id)
def test_endpoint_matches_reference(api: Api, row: dict[str, Any]) -> None:
    def call(token: str | None) -> httpx.Response:
        files = {"file": ("hero.jpg", JPEG, "image/jpeg")} if row.get("file") else None
        body = json.loads(fill_names(json.dumps(row["body"]))) if "body" in row else None
        return api.send(row["method"], fill_names(row["path"]), token=token, body=body, files=files)

    if row["scope"] != "open":
        assert call(None).json()["code"] == "MISSING_TOKEN"
    if row["scope"] not in {None, "open"}:
        scopes = [s for s in reference()["scopes"] if s not in {row["scope"], "*"}]
        other_token = api.handle.request("token", scopes=scopes)["token"]
        denied = call(other_token)
        assert denied.status_code == 403
        assert denied.json()["required_scope"] == row["scope"]
        assert denied.json()["your_scopes"] == scopes
        token = api.handle.request("token", scopes=[row["scope"]])["token"]
    else:
        token = "everything" if row["scope"] is None else None
    if row["path"] == "/account":
        call(token)  # Sets last_used_at.
    response = call(token)
    assert response.status_code == row["status"], response.text
    expected, body = row["response"], response.json()
    if row.get("more"):
        # The reference shows only some of the fields.
        for wanted, item in zip(*(next(iter(d.values())) for d in (expected, body)), strict=False):
            assert shape(wanted).items() <= shape(item).items()
    else:
        assert shape(body) == shape(expected)
    for path, value in row.get("same", {}).items():
        assert get_path(body, path) == value
    if row["scope"] != "open":
        assert set(reference()["headers"]) <= {
            name for name in reference()["headers"] if name in response.headers
        }


def _long_file(size: int) -> dict[str, Any]:
    return {"file": ("a.jpg", JPEG + b"\0" * size, "image/jpeg")}


def _fill_hour(api: Api) -> httpx.Response:
    for minute in range(9):
        response = api.schedule("p_instagram", NOW + timedelta(days=9, minutes=2 * minute))
    return response


def _fill_brand(api: Api) -> httpx.Response:
    with api.server.state.transaction() as db:
        for number in range(500):
            db.execute(
                "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, media) "
                "VALUES (?, 'p_youtube', 'scheduled', ?, 0, '[]')",
                (f"n{number}", NOW.timestamp() + 864_000 + number * 61),
            )
    return api.schedule("p_twitter", NOW + timedelta(days=10, hours=9))


def _warn(api: Api) -> None:
    _use_up(api, "replies", 2_399)
    api.send("POST", "/comments/reply", body={"comment_id": "c_abc123", "message": "Hi"})


def _expire(api: Api) -> None:
    api.server.state.connection.execute("UPDATE pages SET expired = 1")
    api.handle.request("advance", seconds=86_400 * 2.5)


def _use_up(api: Api, bucket: str, used: int) -> None:
    with api.server.state.transaction() as db:
        user = db.execute("SELECT id FROM users").fetchone()[0]
        db.execute("INSERT OR REPLACE INTO usage VALUES (?, '2026-11', ?, ?)", (user, bucket, used))


def _month(api: Api) -> httpx.Response:
    _use_up(api, "publishes", 500)
    return api.schedule("p_facebook", NOW + timedelta(days=1))


def _rate(api: Api) -> httpx.Response:
    return [api.send("GET", "/me") for _ in range(61)][-1]


def _sandbox(api: Api, requests: int) -> httpx.Response:
    for number in range(requests + 1):
        if number % 5 == 0:
            api.clock.advance(61)
        if number % 50 == 0 and requests > 50:
            api.clock.advance(86_400)
        response = api.send("GET", "/pages", token="sandbox")
    return response


def _mismatch(api: Api) -> httpx.Response:
    key = {"Idempotency-Key": "one"}
    body = {"comment_id": "c_abc123", "message": "a"}
    first = api.send("POST", "/comments/reply", body=body, headers=key)
    second = api.send("POST", "/comments/reply", body=body, headers=key)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    return api.send("POST", "/comments/reply", body={**body, "message": "b"}, headers=key)


def _full(api: Api) -> httpx.Response:
    with api.server.state.transaction() as db:
        db.execute("UPDATE media SET size_bytes = 1073741800 WHERE id = 'm1'")
    return api.send("POST", "/media/upload", files=_long_file(0))


ERRORS: dict[str, Callable[[Api], httpx.Response]] = {
    "MISSING_FIELD": lambda api: api.send(
        "POST", "/posts/schedule", body={"page_id": "p_facebook"}
    ),
    "INVALID_DATE": lambda api: api.schedule("p_facebook", NOW + timedelta(minutes=9)),
    "INVALID_MEDIA_URL": lambda api: api.schedule(
        "p_facebook", NOW + timedelta(days=1), media_urls=["http://localhost/a.jpg"]
    ),
    "INVALID_FILE_CONTENT": lambda api: api.send(
        "POST", "/media/upload", files={"file": ("a.png", JPEG, "image/png")}
    ),
    "UPLOAD_ERROR": lambda api: api.send(
        "POST", "/media/upload", files={"file": ("a.svg", b"<svg/>", "image/svg+xml")}
    ),
    "NO_FILE": lambda api: api.send("POST", "/media/upload", files={"photo": ("a.jpg", JPEG)}),
    "MISSING_TOKEN": lambda api: api.send("GET", "/me", token=None),
    "INVALID_TOKEN": lambda api: api.send("GET", "/me", token="outreply_live_unknown"),
    "TOKEN_REVOKED": lambda api: api.send("GET", "/me", token="revoked"),
    "TOKEN_EXPIRED": lambda api: api.send("GET", "/me", token="expired"),
    "MISSING_SCOPE": lambda api: api.send("POST", "/posts/publish", token="sandbox", body={}),
    "IP_NOT_ALLOWED": lambda api: api.send("GET", "/me", token="elsewhere"),
    "BRAND_NOT_AUTHORIZED": lambda api: api.send("GET", "/brands/b1", token="narrow"),
    "COLLABORATOR_INSUFFICIENT": lambda api: api.send("GET", "/me", token="fallen"),
    "NOT_FOUND": lambda api: api.send("DELETE", "/posts/scheduled/nope"),
    "MEDIA_IN_USE": lambda api: api.send("DELETE", "/media/m2"),
    "FILE_TOO_LARGE": lambda api: api.send("POST", "/media/upload", files=_long_file(104_857_600)),
    "QUOTA_EXCEEDED": _full,
    "RATE_LIMITED": _rate,
    "DAILY_LIMIT_EXCEEDED": lambda api: _sandbox(api, 50),
    "PAGE_PUBLISH_GUARDRAIL": _fill_hour,
    "BRAND_PUBLISH_GUARDRAIL": _fill_brand,
    "MONTHLY_QUOTA_EXCEEDED": _month,
    "SANDBOX_EXHAUSTED": lambda api: _sandbox(api, 100),
    "INVALID_IDEMPOTENCY_KEY": lambda api: api.send(
        "POST", "/posts/publish", body={}, headers={"Idempotency-Key": "k" * 121}
    ),
    "IDEMPOTENCY_KEY_MISMATCH": _mismatch,
    "SERVER_ERROR": lambda api: api.send("GET", "/me", headers={"X-Emulator-Fault": "status:500"}),
}


@pytest.mark.parametrize("row", reference()["errors"], ids=lambda row: row["code"])
def test_error_matches_reference(api: Api, row: dict[str, Any]) -> None:
    response = ERRORS[row["code"]](api)
    body = response.json()
    assert (response.status_code, body["code"]) == (row["status"], row["code"]), body
    assert isinstance(body["error"], str)
    assert body["error"]
    assert set(row.get("keys", ())) <= set(body)
    assert all(name in response.headers for name in row.get("headers", ()))
    if "retry_after_seconds" in body:
        assert body["retry_after_seconds"] > 0
    components = document(api.server.base_url, emulator=True)["components"]
    schema = components["schemas"][error_component(row["code"])]
    Draft202012Validator({**schema, "components": components}).validate(body)
    assert set(body) <= set(schema["properties"])
    assert any(entry.code == row["code"] and entry.status == row["status"] for entry in CATALOG)


def test_all_error_codes_are_tested() -> None:
    rows = {(row["code"], row["status"]) for row in reference()["errors"]}
    assert {(entry.code, entry.status) for entry in CATALOG} <= rows


@pytest.mark.parametrize("tier", reference()["limits"])
def test_tier_limits(api: Api, tier: str) -> None:
    with api.server.state.transaction() as db:
        db.execute("UPDATE users SET tier = ?", (tier,))
    account = api.send("GET", "/account").json()
    row, quota = reference()["limits"][tier], account["quota"]
    assert account["tier"] == tier
    for bucket in ("publishes", "replies", "reads", "webhooks"):
        assert quota["monthly"][bucket]["limit"] == row[bucket]
    assert quota["rate_limit"]["per_minute"] == row["per_minute"]
    assert quota["storage"]["limit_bytes"] == row["limit_bytes"]
    assert quota["storage"]["max_file_bytes"] == row["max_file_bytes"]


@pytest.mark.parametrize("platform", reference()["guardrails"])
@pytest.mark.parametrize("window", ["hour", "day"])
def test_page_guardrail_limits(api: Api, platform: str, window: str) -> None:
    limit = reference()["guardrails"][platform][window]
    length = timedelta(hours=1) if window == "hour" else timedelta(days=1)
    start, page = NOW + timedelta(days=20), f"p_{platform}"
    with api.server.state.transaction() as db:
        # All posts but the last, evenly spread over the window.
        for number in range(limit - 1):
            at = start + length * number / limit
            db.execute(
                "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, media) "
                "VALUES (?, ?, 'scheduled', ?, 0, '[]')",
                (f"g{number}", page, at.timestamp()),
            )
    last = start + length * (limit - 1) / limit + timedelta(seconds=5)
    assert api.schedule(page, last).status_code == 201
    error = api.schedule(page, start + length - timedelta(seconds=1))
    assert error.json()["code"] == "PAGE_PUBLISH_GUARDRAIL"
    assert api.schedule(page, start + length + timedelta(seconds=70)).status_code == 201


def test_page_guardrail_gap(api: Api) -> None:
    first = NOW + timedelta(days=30)
    assert api.schedule("p_youtube", first).status_code == 201
    error = api.schedule("p_youtube", first + timedelta(seconds=59))
    assert error.json()["code"] == "PAGE_PUBLISH_GUARDRAIL"
    assert api.schedule("p_youtube", first + timedelta(seconds=60)).status_code == 201


@pytest.mark.parametrize("prefix", reference()["token_prefixes"])
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_token_prefix_in_both_headers(api: Api, prefix: str, header: str) -> None:
    secret = next(
        row["secret"] for row in api.server.state.connection.execute("SELECT secret FROM tokens")
        if row["secret"].startswith(prefix)
    )  # fmt: skip
    sent = {header: f"Bearer {secret}" if header == "Authorization" else secret}
    assert api.http.get("/me", headers=sent).status_code == 200


def test_constants_match_reference() -> None:
    assert list(EVENTS) == reference()["events"]
    assert list(RETRY_SECONDS) == reference()["retries_seconds"]
    assert list(TOKEN_PREFIXES) == reference()["token_prefixes"]


EVENT_CAUSES: dict[str, Callable[[Api], object]] = {
    "post.published": lambda api: api.handle.request("advance", seconds=86_400 * 2.5),
    "post.failed": _expire,
    "comment.received": lambda api: api.handle.request(
        "comment", post_id="o1", message="Hi", name="J", username="j"
    ),
    "comment.replied": lambda api: api.send(
        "POST", "/comments/reply", body={"comment_id": "c_abc123", "message": "Hi"}
    ),
    "account.quota.warning": _warn,
}


@pytest.mark.parametrize("event", reference()["events"])
def test_event_payload(api: Api, event: str) -> None:
    webhook = {"url": "http://127.0.0.1:9/", "events": [event]}
    assert api.send("POST", "/webhooks", body=webhook).status_code == 201
    EVENT_CAUSES[event](api)
    rows = api.server.state.connection.execute("SELECT body FROM deliveries").fetchall()
    payload = json.loads(rows[0]["body"])
    assert payload["event"] == event
    assert datetime.fromisoformat(payload["created_at"]).tzinfo is not None
    assert {"userId"} <= set(payload["data"])
    if event.startswith("post."):
        assert payload["data"]["brandId"] == "b1"
        assert payload["data"]["post"]["id"] == "s1"
