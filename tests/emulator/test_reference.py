"""The emulator against the reference's own tables: each row has a case, or this fails."""

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
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.errors import CATALOGUE
from outreply_cli.spec.limits import EVENTS, TOKEN_PREFIXES
from outreply_cli.spec.webhooks import RETRY_SECONDS
from tests.clocks import ManualClock

HERE = Path(__file__).parent
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@cache
def reference() -> dict[str, Any]:
    text = (HERE / "reference.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


class Api:
    """The emulator over HTTP, with nothing of ours between."""

    def __init__(self, server: EmulatorServer, clock: ManualClock) -> None:
        self.server, self.clock = server, clock
        self.http = httpx.Client(base_url=server.base_url, trust_env=False)
        self.running = server.running

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
    with EmulatorServer(tmp_path / "e.db", clock, settings=EmulatorConfig(seed=7)) as server:
        api = Api(server, clock)
        text = (HERE / "reference_account.yaml").read_text()
        api.running.request("seed", text=text, name="reference_account.yaml")
        yield api
        api.http.close()


NAMES = {
    "{brand}": "b1", "{page}": "p_instagram", "{post}": "s1", "{published}": "o1",
    "{comment}": "c_abc123", "{media}": "m1",
    "{soon}": (NOW + timedelta(days=5)).isoformat().replace("+00:00", "Z"),
}  # fmt: skip


def filled(text: str) -> str:
    for name, value in NAMES.items():
        text = text.replace(name, value)
    return text


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[-1])] if value else []
    return "number" if isinstance(value, int) and not isinstance(value, bool) else type(value)


def at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[part]
    return value


def name_of(row: Any) -> str:
    return f"{row['method']} {row['path'].partition('?')[0]}" if isinstance(row, dict) else str(row)


@pytest.mark.parametrize("row", reference()["endpoints"], ids=name_of)
def test_an_endpoint_answers_as_the_reference_shows(api: Api, row: dict[str, Any]) -> None:
    def call(token: str | None) -> httpx.Response:
        files = {"file": ("hero.jpg", JPEG, "image/jpeg")} if row.get("file") else None
        body = json.loads(filled(json.dumps(row["body"]))) if "body" in row else None
        return api.send(row["method"], filled(row["path"]), token=token, body=body, files=files)

    if row["scope"] != "open":
        assert call(None).json()["code"] == "MISSING_TOKEN"
    if row["scope"] not in {None, "open"}:
        scopes = [s for s in reference()["scopes"] if s not in {row["scope"], "*"}]
        lacking = api.running.request("token", scopes=scopes)["token"]
        refused = call(lacking)
        assert refused.status_code == 403
        assert refused.json()["required_scope"] == row["scope"]
        assert refused.json()["your_scopes"] == scopes
        token = api.running.request("token", scopes=[row["scope"]])["token"]
    else:
        token = "everything" if row["scope"] is None else None
    if row["path"] == "/account":
        call(token)  # So that the token has been used before.
    answer = call(token)
    assert answer.status_code == row["status"], answer.text
    expected, got = row["answer"], answer.json()
    if row.get("more"):
        # The reference shows the beginning of a longer object.
        for wanted, item in zip(*(next(iter(d.values())) for d in (expected, got)), strict=False):
            assert shape(wanted).items() <= shape(item).items()
    else:
        assert shape(got) == shape(expected)
    for path, value in row.get("same", {}).items():
        assert at(got, path) == value
    if row["scope"] != "open":
        assert set(reference()["headers"]) <= {
            name for name in reference()["headers"] if name in answer.headers
        }


def _long_file(size: int) -> dict[str, Any]:
    return {"file": ("a.jpg", JPEG + b"\0" * size, "image/jpeg")}


def _fill_hour(api: Api) -> httpx.Response:
    for minute in range(9):
        answer = api.schedule("p_instagram", NOW + timedelta(days=9, minutes=2 * minute))
    return answer


def _fill_brand(api: Api) -> httpx.Response:
    with api.server.state.transaction() as db:
        for n in range(500):
            db.execute(
                "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, media) "
                "VALUES (?, 'p_youtube', 'scheduled', ?, 0, '[]')",
                (f"n{n}", NOW.timestamp() + 864_000 + n * 61),
            )
    return api.schedule("p_twitter", NOW + timedelta(days=10, hours=9))


def _warn(api: Api) -> None:
    _use_up(api, "replies", 2_399)
    api.send("POST", "/comments/reply", body={"comment_id": "c_abc123", "message": "Hi"})


def _expire(api: Api) -> None:
    api.server.state.connection.execute("UPDATE pages SET expired = 1")
    api.running.request("advance", seconds=86_400 * 2.5)


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
        answer = api.send("GET", "/pages", token="sandbox")
    return answer


def _mismatch(api: Api) -> httpx.Response:
    key = {"Idempotency-Key": "one"}
    body = {"comment_id": "c_abc123", "message": "a"}
    first = api.send("POST", "/comments/reply", body=body, headers=key)
    again = api.send("POST", "/comments/reply", body=body, headers=key)
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    return api.send("POST", "/comments/reply", body={**body, "message": "b"}, headers=key)


def _full(api: Api) -> httpx.Response:
    with api.server.state.transaction() as db:
        db.execute("UPDATE media SET size_bytes = 1073741800 WHERE id = 'm1'")
    return api.send("POST", "/media/upload", files=_long_file(0))


ERRORS: dict[str, Callable[[Api], httpx.Response]] = {
    "MISSING_FIELD": lambda a: a.send("POST", "/posts/schedule", body={"page_id": "p_facebook"}),
    "INVALID_DATE": lambda a: a.schedule("p_facebook", NOW + timedelta(minutes=9)),
    "INVALID_MEDIA_URL": lambda a: a.schedule(
        "p_facebook", NOW + timedelta(days=1), media_urls=["http://localhost/a.jpg"]
    ),
    "INVALID_FILE_CONTENT": lambda a: a.send(
        "POST", "/media/upload", files={"file": ("a.png", JPEG, "image/png")}
    ),
    "UPLOAD_ERROR": lambda a: a.send(
        "POST", "/media/upload", files={"file": ("a.svg", b"<svg/>", "image/svg+xml")}
    ),
    "NO_FILE": lambda a: a.send("POST", "/media/upload", files={"photo": ("a.jpg", JPEG)}),
    "MISSING_TOKEN": lambda a: a.send("GET", "/me", token=None),
    "INVALID_TOKEN": lambda a: a.send("GET", "/me", token="outreply_live_nobody"),
    "TOKEN_REVOKED": lambda a: a.send("GET", "/me", token="revoked"),
    "TOKEN_EXPIRED": lambda a: a.send("GET", "/me", token="expired"),
    "MISSING_SCOPE": lambda a: a.send("POST", "/posts/publish", token="sandbox", body={}),
    "IP_NOT_ALLOWED": lambda a: a.send("GET", "/me", token="elsewhere"),
    "BRAND_NOT_AUTHORIZED": lambda a: a.send("GET", "/brands/b1", token="narrow"),
    "COLLABORATOR_INSUFFICIENT": lambda a: a.send("GET", "/me", token="fallen"),
    "NOT_FOUND": lambda a: a.send("DELETE", "/posts/scheduled/nobody"),
    "MEDIA_IN_USE": lambda a: a.send("DELETE", "/media/m2"),
    "FILE_TOO_LARGE": lambda a: a.send("POST", "/media/upload", files=_long_file(104_857_600)),
    "QUOTA_EXCEEDED": _full,
    "RATE_LIMITED": _rate,
    "DAILY_LIMIT_EXCEEDED": lambda a: _sandbox(a, 50),
    "PAGE_PUBLISH_GUARDRAIL": _fill_hour,
    "BRAND_PUBLISH_GUARDRAIL": _fill_brand,
    "MONTHLY_QUOTA_EXCEEDED": _month,
    "SANDBOX_EXHAUSTED": lambda a: _sandbox(a, 100),
    "INVALID_IDEMPOTENCY_KEY": lambda a: a.send(
        "POST", "/posts/publish", body={}, headers={"Idempotency-Key": "k" * 121}
    ),
    "IDEMPOTENCY_KEY_MISMATCH": _mismatch,
    "SERVER_ERROR": lambda a: a.send("GET", "/me", headers={"X-Emulator-Fault": "status:500"}),
}


@pytest.mark.parametrize("row", reference()["errors"], ids=lambda row: row["code"])
def test_an_error_arises_with_its_status_words_and_keys(api: Api, row: dict[str, Any]) -> None:
    answer = ERRORS[row["code"]](api)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (row["status"], row["code"]), body
    assert isinstance(body["error"], str)
    assert body["error"]
    assert set(row.get("keys", ())) <= set(body)
    assert all(name in answer.headers for name in row.get("headers", ()))
    if "retry_after_seconds" in body:
        assert body["retry_after_seconds"] > 0
    schemas = document()["components"]
    Draft202012Validator({**schemas["schemas"][row["code"]], "components": schemas}).validate(body)
    assert set(body) <= set(schemas["schemas"][row["code"]]["properties"])
    assert any(e.code == row["code"] and e.status == row["status"] for e in CATALOGUE)


def test_every_code_of_the_catalogue_has_a_row() -> None:
    rows = {(row["code"], row["status"]) for row in reference()["errors"]}
    assert {(entry.code, entry.status) for entry in CATALOGUE} <= rows


@pytest.mark.parametrize("tier", reference()["limits"])
def test_a_tier_has_the_limits_of_the_table(api: Api, tier: str) -> None:
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
def test_a_page_takes_as_many_as_the_table_says_and_not_one_more(
    api: Api, platform: str, window: str
) -> None:
    most = reference()["guardrails"][platform][window]
    length = timedelta(hours=1) if window == "hour" else timedelta(days=1)
    start, page = NOW + timedelta(days=20), f"p_{platform}"
    with api.server.state.transaction() as db:
        # All but the last are there already, evenly spread over the window.
        for number in range(most - 1):
            moment = start + length * number / most
            db.execute(
                "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, media) "
                "VALUES (?, ?, 'scheduled', ?, 0, '[]')",
                (f"g{number}", page, moment.timestamp()),
            )
    last = start + length * (most - 1) / most + timedelta(seconds=5)
    assert api.schedule(page, last).status_code == 201
    over = api.schedule(page, start + length - timedelta(seconds=1))
    assert over.json()["code"] == "PAGE_PUBLISH_GUARDRAIL"
    assert api.schedule(page, start + length + timedelta(seconds=70)).status_code == 201


def test_posts_on_a_page_are_a_minute_apart(api: Api) -> None:
    first = NOW + timedelta(days=30)
    assert api.schedule("p_youtube", first).status_code == 201
    near = api.schedule("p_youtube", first + timedelta(seconds=59))
    assert near.json()["code"] == "PAGE_PUBLISH_GUARDRAIL"
    assert api.schedule("p_youtube", first + timedelta(seconds=60)).status_code == 201


@pytest.mark.parametrize("prefix", reference()["token_prefixes"])
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_each_prefix_works_in_each_header(api: Api, prefix: str, header: str) -> None:
    secret = next(
        row["secret"] for row in api.server.state.connection.execute("SELECT secret FROM tokens")
        if row["secret"].startswith(prefix)
    )  # fmt: skip
    sent = {header: f"Bearer {secret}" if header == "Authorization" else secret}
    assert api.http.get("/me", headers=sent).status_code == 200


def test_the_events_and_retries_are_those_of_the_reference() -> None:
    assert list(EVENTS) == reference()["events"]
    assert list(RETRY_SECONDS) == reference()["retries_seconds"]
    assert list(TOKEN_PREFIXES) == reference()["token_prefixes"]


EVENT_CAUSES: dict[str, Callable[[Api], object]] = {
    "post.published": lambda a: a.running.request("advance", seconds=86_400 * 2.5),
    "post.failed": _expire,
    "comment.received": lambda a: a.running.request(
        "comment", post_id="o1", message="Hi", name="J", username="j"
    ),
    "comment.replied": lambda a: a.send(
        "POST", "/comments/reply", body={"comment_id": "c_abc123", "message": "Hi"}
    ),
    "account.quota.warning": _warn,
}


@pytest.mark.parametrize("event", reference()["events"])
def test_an_event_fires_with_the_payload_of_the_reference(api: Api, event: str) -> None:
    hook = {"url": "http://127.0.0.1:9/", "events": [event]}
    assert api.send("POST", "/webhooks", body=hook).status_code == 201
    EVENT_CAUSES[event](api)
    rows = api.server.state.connection.execute("SELECT body FROM deliveries").fetchall()
    payload = json.loads(rows[0]["body"])
    assert payload["event"] == event
    assert datetime.fromisoformat(payload["created_at"]).tzinfo is not None
    assert {"userId"} <= set(payload["data"])
    if event.startswith("post."):
        assert payload["data"]["brandId"] == "b1"
        assert payload["data"]["post"]["id"] == "s1"
