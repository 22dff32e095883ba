"""The checks of reference.yaml: raw requests to the emulator, and what they show."""

import hashlib
import hmac
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from outreply_cli.emulator import delivery
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.openapi import document
from outreply_cli.emulator.schemas import error_component
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.errors import InvalidInputError
from outreply_cli.net.delivery_result import DeliveryResult
from tests.clocks import ManualClock
from tests.emulator.test_webhooks import Receiver, run_receiver
from tests.media import sample_files

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOON = NOW + timedelta(days=5)
DAY = 86_400
PICTURE = "https://cdn.example.com/hero.jpg"
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100
POST = {"page_id": "p_facebook", "message": "x", "scheduled_at": "{soon}"}
CHECKS: dict[str, Callable[["Api"], None]] = {}


class Api:
    """The emulator over plain HTTP."""

    def __init__(self, server: EmulatorServer, clock: ManualClock) -> None:
        self.server, self.clock, self.handle = server, clock, server.handle
        self.http = httpx.Client(
            base_url=server.base_url,
            trust_env=False,
            timeout=60,
            verify=False,
        )

    def send(
        self, line: str, *, token: str | None = "everything", header: str = "Authorization",  # noqa: S107 - a name
        body: Any = None, headers: dict[str, str] | None = None, **more: Any,
    ) -> httpx.Response:  # fmt: skip
        """Send `METHOD PATH` with the token of this name, or with this secret."""
        method, path = line.split(" ", 1)
        sql = "SELECT secret FROM tokens WHERE name = ?"
        row = self.server.state.connection.execute(sql, (token,)).fetchone()
        secret = row["secret"] if row else token
        sent = dict(headers or {})
        if secret:
            sent[header] = f"Bearer {secret}" if header == "Authorization" else secret
        if body is not None:
            more["json"] = fill(body)
        return self.http.request(method, path, headers=sent, **more)

    def code(self, line: str, **options: Any) -> str:
        """The error code of a response, or an empty string."""
        return str(self.send(line, **options).json().get("code", ""))

    def schedule(self, page: str, at: datetime, **more: Any) -> httpx.Response:
        body = {"page_id": page, "message": "x", "scheduled_at": at.isoformat(), **more}
        return self.send("POST /posts/schedule", body=body)

    def upload(
        self, content: bytes = JPEG, name: str = "hero.jpg", mime: str = "image/jpeg", **more: Any
    ) -> httpx.Response:
        return self.send("POST /media/upload", files={"file": (name, content, mime)}, **more)

    def advance(self, **duration: float) -> None:
        self.handle.request("advance", seconds=timedelta(**duration).total_seconds())

    def execute(self, sql: str, *values: object) -> list[Any]:
        with self.server.state.transaction() as db:
            return db.execute(sql, values).fetchall()

    def use_up(self, bucket: str, used: int) -> None:
        user = self.execute("SELECT id FROM users")[0]["id"]
        self.execute("INSERT OR REPLACE INTO usage VALUES (?, '2026-11', ?, ?)", user, bucket, used)

    def set_tier(self, tier: str) -> None:
        self.execute("UPDATE users SET tier = ?", tier)

    def storage(self) -> int:
        return int(self.send("GET /account").json()["quota"]["storage"]["used_bytes"])

    def fill_rows(self, key: str, count: int) -> None:
        """Add posts or comments."""
        for number in range(count):
            at = NOW.timestamp() + 900_000 + number
            if key == "comments":
                self.execute(
                    "INSERT INTO comments (id, post_id, author_name, author_username, message, "
                    "created_at) VALUES (?, 'o1', 'J', 'j', 'x', ?)", f"n{number}", number,
                )  # fmt: skip
                continue
            status, time = key.removesuffix("_posts"), f"{key.removesuffix('_posts')}_at"
            self.execute(
                f"INSERT INTO posts (id, page_id, status, {time}, created_at, media, remote_id) "  # noqa: S608
                "VALUES (?, 'p_youtube', ?, ?, 0, '[]', ?)", f"n{number}", status, at, f"r{number}",
            )  # fmt: skip


@cache
def seeded_state() -> bytes:
    """The state of an emulator with the account, and a frozen clock."""
    text = (HERE / "reference_account.yaml").read_text()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "e.db"
        with EmulatorServer(path, ManualClock(NOW), config=EmulatorConfig(seed=7)) as server:
            server.handle.request("freeze")
            server.handle.request("seed", text=text, name="reference_account.yaml")
        return path.read_bytes()


@contextmanager
def open_api(directory: Path, **config: Any) -> Iterator[Api]:
    """The account of reference_account.yaml on an emulator."""
    clock, path = ManualClock(NOW), directory / "e.db"
    path.write_bytes(seeded_state())
    config = {"seed": 7, **config}
    with EmulatorServer(path, clock, config=EmulatorConfig(**config)) as server:
        api = Api(server, clock)
        try:
            yield api
        finally:
            api.http.close()


def format_time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def fill(value: Any) -> Any:
    """Replace the names of times in a body."""
    text = json.dumps(value).replace("{soon}", format_time(SOON))
    return json.loads(text)


def get_path(value: Any, path: str) -> Any:
    for part in path.split("."):
        if part == "length":
            value = len(value)
        else:
            value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def check(function: Callable[[Api], None]) -> Callable[[Api], None]:
    """Register a check by its name."""
    CHECKS[function.__name__] = function
    return function


# Checks that reference.yaml describes itself.


def run_send(api: Api, step: dict[str, Any]) -> None:
    """Send a request, and check its status, code, headers and values."""
    if "admin" in step:
        api.handle.request(step["admin"], **step["params"])
        return
    body: Any = POST if step.get("body") == "{post}" else step.get("body")
    if "at" in step:
        number, unit = int(step["at"][1:-1]), step["at"][-1]
        at = NOW + (timedelta(days=number) if unit == "d" else timedelta(minutes=number))
        body = {**body, "scheduled_at": format_time(at)}
    if "page" in step:
        body = {**body, "page_id": step["page"]}
    if "publish" in step["send"] and body and body.get("page_id") == "p_tiktok":
        body = {**body, "media_urls": [PICTURE]}
    options = {name: step[name] for name in ("token", "header") if name in step}
    response = api.send(step["send"], body=body, **options)
    received = response.json()
    assert received.get("code") == step.get("code"), received
    if "status" in step:
        assert response.status_code == step["status"], received
    for name, value in step.get("headers", {}).items():
        assert response.headers.get(name) == value
    for path, value in step.get("has", {}).items():
        found = get_path(received, path)
        assert isinstance(found, str) if value == "<string>" else found == value, path


def run_steps(api: Api, steps: list[dict[str, Any]]) -> None:
    """Send several requests."""
    for step in steps:
        run_send(api, step)


_GRANTS = {
    "read:account": ["GET /account"], "read:brands": ["GET /brands", "GET /brands/b1"],
    "read:pages": ["GET /pages", "GET /pages/p_facebook", "GET /brands/b1/pages"],
    "read:posts": ["GET /posts/scheduled", "GET /posts/published"],
    "write:posts": ["POST /posts/schedule", "DELETE /posts/scheduled/s1"],
    "read:comments": ["GET /comments?post_id=o1"], "write:comments": ["POST /comments/reply"],
    "read:media": ["GET /media"], "write:media": ["POST /media/upload", "DELETE /media/m1"],
}  # fmt: skip
_BODIES: dict[str, Any] = {
    "POST /posts/schedule": POST,
    "POST /posts/publish": {"page_id": "p_facebook", "message": "x"},
    "POST /comments/reply": {"comment_id": "c_abc123", "message": "x"},
}
_FILES = {"POST /media/upload": {"file": ("hero.jpg", JPEG, "image/jpeg")}}


def call(api: Api, line: str, token: str | None) -> httpx.Response:
    """Send a valid request to an endpoint."""
    return api.send(line, token=token, body=_BODIES.get(line), files=_FILES.get(line))


def run_scope(api: Api, scope: str) -> None:
    """A scope grants its endpoints, and no other scope does."""
    api.execute("UPDATE tokens SET scopes = ? WHERE name = 'reader'", json.dumps([scope]))
    others = sorted(_GRANTS.keys() - {scope})
    api.execute("UPDATE tokens SET scopes = ? WHERE name = 'no-scope'", json.dumps(others))
    for line in _GRANTS[scope]:
        assert call(api, line, "no-scope").json().get("code") == "MISSING_SCOPE", line
    for line in _GRANTS[scope]:
        assert call(api, line, "reader").is_success, line


_TIERS = {
    "publishes": (60, 500, 3_000), "replies": (200, 3_000, 20_000),
    "reads": (10_000, 100_000, 1_000_000), "webhooks": (2_000, 50_000, 500_000),
    "per_minute": (10, 60, 300), "storage_bytes": (100, 1_024, 5_120),
    "max_file_bytes": (25, 100, 250), "active_keys": (10, 10, 25), "expiration": (731, 731, 731),
}  # fmt: skip


def run_tier(api: Api, tier: str, field: str) -> None:
    """A limit of a tier is shown in the account, and enforced."""
    limit = _TIERS[field][("free", "pro", "elite").index(tier)]
    api.set_tier(tier)
    quota = api.send("GET /account").json()["quota"]
    if field in {"publishes", "replies", "reads"}:
        assert quota["monthly"][field]["limit"] == limit
        first, second = {
            "publishes": ("POST /posts/schedule", "POST /posts/publish"),
            "replies": ("POST /comments/reply",) * 2, "reads": ("GET /pages",) * 2,
        }[field]  # fmt: skip
        api.use_up(field, limit - 1)
        assert call(api, first, "everything").is_success
        error = call(api, second, "everything").json()
        assert (error["code"], error["limit"]) == ("MONTHLY_QUOTA_EXCEEDED", limit)
    elif field == "webhooks":
        assert quota["monthly"][field]["limit"] == limit
        with run_receiver() as receiver:
            subscribe(api, receiver)
            api.use_up(field, limit - 1)
            for _ in range(2):
                call(api, "POST /comments/reply", "everything")
                api.advance(seconds=1)
            assert len(receiver.requests) == 1
    elif field == "per_minute":
        responses = [api.send("GET /me", token="older").status_code for _ in range(limit + 1)]
        assert responses == [200] * limit + [429]
    elif field == "storage_bytes":
        used = limit * 1024 * 1024 - 100 - len(JPEG)
        api.execute("UPDATE media SET size_bytes = ? WHERE id = 'm1'", used)
        assert api.upload().status_code == 201
        assert api.upload(JPEG[:4]).json()["code"] == "QUOTA_EXCEEDED"
    elif field == "max_file_bytes":
        size = limit * 1024 * 1024
        assert quota["storage"]["max_file_bytes"] == size
        if tier == "free":
            error = api.upload(JPEG[:4] + b"\0" * (size - 3)).json()
            assert error["code"] == "FILE_TOO_LARGE"
    elif field == "active_keys":
        api.execute("UPDATE tokens SET revoked_at = 0 WHERE name NOT IN ('everything', 'sandbox')")
        for number in range(limit - 1):
            api.handle.request("token", name=f"key {number}")
        with pytest.raises(InvalidInputError, match=f"allows {limit} active keys"):
            api.handle.request("token", name="one more")
    else:
        api.handle.request("edit-token", token="everything", expires_in=limit * DAY)
        with pytest.raises(InvalidInputError, match="at most 2 years"):
            api.handle.request("edit-token", token="everything", expires_in=(limit + 1) * DAY)


_GUARDRAILS = {"facebook": (10, 40), "instagram": (8, 30), "linkedin": (3, 15), "tiktok": (10, 50),
               "twitter": (50, 300)}  # fmt: skip


def run_guardrail(api: Api, platform: str, window: str) -> None:
    """A page takes as many posts in a window as its platform allows."""
    limit = _GUARDRAILS[platform][window == "day"]
    length = timedelta(hours=1) if window == "hour" else timedelta(days=1)
    start, page = NOW + timedelta(days=20), f"p_{platform}"
    for number in range(limit - 1):
        at = (start + length * number / limit).timestamp()
        api.execute(
            "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, media) "
            "VALUES (?, ?, 'scheduled', ?, 0, '[]')", f"g{number}", page, at,
        )  # fmt: skip
    last = start + length * (limit - 1) / limit + timedelta(seconds=5)
    assert api.schedule(page, last).status_code == 201
    error = api.schedule(page, start + length - timedelta(seconds=1)).json()
    assert error.get("code") == "PAGE_PUBLISH_GUARDRAIL"
    assert api.schedule(page, start + length + timedelta(seconds=70)).status_code == 201
    code = {"facebook": "FB", "instagram": "IG", "linkedin": "LN", "tiktok": "TT", "twitter": "TW"}
    shown = api.send("GET /account").json()["quota"]["publish_guardrails"]["perPage"]
    assert shown[code[platform]]["perHour" if window == "hour" else "per24h"] == limit


_ENDPOINT = re.compile(r"(GET|POST|DELETE)(/[/:\w]*?)(read:\w+|write:\w+|\(none .*)")
_IDS = {":brandId": "b1", ":pageId": "p_facebook", ":postId": "s1", ":mediaId": "m1",
        "/comments": "/comments?post_id=o1"}  # fmt: skip


def parse_endpoint(heading: str) -> tuple[str, str | None]:
    """The request line and the scope of the heading of an endpoint."""
    match = _ENDPOINT.fullmatch(heading)
    assert match, heading
    method, path, scope = match.groups()
    for name, value in _IDS.items():
        path = value if path == name else path.replace(name, value) if name[0] == ":" else path
    return f"{method} {path}", None if scope.startswith("(") else scope


def run_endpoint(api: Api, heading: str) -> None:
    """An endpoint requires a token with its scope."""
    line, scope = parse_endpoint(heading)
    assert call(api, line, None).json()["code"] == "MISSING_TOKEN"
    others = ["read:account" if scope != "read:account" else "read:pages"]
    api.execute("UPDATE tokens SET scopes = ? WHERE name = 'reader'", json.dumps(others))
    denied = call(api, line, "reader")
    if scope is None:
        assert denied.is_success
        return
    assert denied.json().get("required_scope") == scope
    api.execute("UPDATE tokens SET scopes = ? WHERE name = 'reader'", json.dumps([scope]))
    assert call(api, line, "reader").is_success


def parse_example(text: str) -> Any:
    """An example response; `/* … */` stands for what is shown elsewhere."""
    text = re.sub(r"\[\s*/\*.*?\*/\s*\]", "[]", text)
    text = re.sub(r"\{\s*/\*.*?\*/\s*\}", "{}", text)
    return json.loads(text)


def list_fields(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The paths and values of an example's fields; the first item of a list stands for all."""
    if isinstance(value, dict):
        for name, inner in value.items():
            path = f"{prefix}{name}"
            if isinstance(inner, dict | list) and inner:
                yield from list_fields(inner, f"{path}.")
            else:
                yield path, inner
    elif isinstance(value, list) and isinstance(value[0], dict):
        yield from list_fields(value[0], f"{prefix}0.")
    else:
        yield prefix.rstrip("."), value


def run_example(api: Api, statement: dict[str, Any], path: str, expected: Any) -> None:
    """A field of an example response is in the response, with its type."""
    found = get_path(send_example(api, statement).json(), path)
    if expected is None or expected == []:
        assert found is None or isinstance(found, str | int | list)
    elif isinstance(expected, dict):
        assert isinstance(found, dict)
    else:
        assert type(found) is type(expected), path
    if "publish_guardrails" in path or path.endswith(("status", "success")):
        assert found == expected


def send_example(api: Api, example: dict[str, Any]) -> httpx.Response:
    line = example["example"]
    if example.get("warm"):
        api.send("GET /me")
    files = _FILES["POST /media/upload"] if example.get("upload") else None
    response = api.send(line, body=example.get("body"), files=files)
    assert response.status_code == example.get("status", 200), response.text
    return response


def run_curl(api: Api, statement: str, line: str) -> None:
    """The command of an example, with IDs and times of this account."""
    match = re.search(r"-d '(.*)'", statement, re.DOTALL)
    body = None
    if match:
        body = json.loads(match[1]) | {"page_id": "p_instagram"}
        if "scheduled_at" in body:
            body["scheduled_at"] = "{soon}"
    assert api.send(line, body=body).is_success


# Tokens.


@check
def prefix_live(api: Api) -> None:
    token = api.handle.request("token", name="n")["token"]
    assert token.startswith("outreply_live_")
    assert api.send("GET /me", token=token).is_success


@check
def secret_shown_once(api: Api) -> None:
    token = api.handle.request("token", name="n")["token"]
    assert token not in api.send("GET /account", token=token).text
    assert token not in json.dumps(api.handle.request("tokens"))


@check
def scopes_gate(api: Api) -> None:
    assert api.send("GET /account", token="no-scope").is_success
    assert api.code("GET /pages", token="no-scope") == "MISSING_SCOPE"


@check
def every_scope(api: Api) -> None:
    for lines in _GRANTS.values():
        for line in lines:
            assert call(api, line, "everything").is_success, line


def _expire(days: int, api: Api) -> None:
    api.handle.request("edit-token", token="older", expires_in=days * DAY)
    api.advance(days=days, seconds=-1)
    assert api.send("GET /me", token="older").is_success
    api.advance(seconds=2)
    assert api.code("GET /me", token="older") == "TOKEN_EXPIRED"


for _days in (7, 30, 90, 180, 365):
    CHECKS[f"expires_after_{_days}"] = partial(_expire, _days)


@check
def rotation_keeps_settings(api: Api) -> None:
    new = api.handle.request("rotate-token", token="no-scope")
    assert (new["name"], new["scopes"]) == ("no-scope", ["read:account"])
    assert api.send("GET /me", token=new["token"]).json()["api_key"]["name"] == "no-scope"


@check
def rotation_invalidates(api: Api) -> None:
    old = api.execute("SELECT secret FROM tokens WHERE name = 'older'")[0]["secret"]
    api.handle.request("rotate-token", token="older")
    assert api.code("GET /me", token=old) == "INVALID_TOKEN"


@check
def removed_collaborator(api: Api) -> None:
    assert api.send("GET /me", token="bound").is_success
    api.handle.request("collaborator", id="c1", action="remove")
    assert api.code("GET /me", token="bound") == "TOKEN_REVOKED"


@check
def downgraded_collaborator(api: Api) -> None:
    assert api.send("GET /me", token="bound").is_success
    api.handle.request("collaborator", id="c1", action="downgrade")
    assert api.code("GET /me", token="bound") == "COLLABORATOR_INSUFFICIENT"


@check
def full_access_creates_keys(api: Api) -> None:
    api.handle.request("collaborator", id="c1", action="downgrade")
    with pytest.raises(InvalidInputError, match="does not have full access"):
        api.handle.request("token", collaborator="c1", brands=["b2"])


@check
def collaborator_key_is_bound(api: Api) -> None:
    assert api.code("GET /brands/b1", token="bound") == "BRAND_NOT_AUTHORIZED"
    assert api.send("GET /brands/b2", token="bound").is_success


@check
def collaborator_key_is_stamped(api: Api) -> None:
    (token,) = (row for row in api.handle.request("tokens")["tokens"] if row["name"] == "bound")
    assert (token["collaborator"], token["brand_ids"]) == ("c1", ["b2"])


def _audit_token(event: str, api: Api) -> None:
    operation = {"revoked": "revoke-token", "rotated": "rotate-token"}.get(event)
    if operation is None:
        api.handle.request("token", name="new", collaborator="c1", brands=["b2"])
    else:
        api.handle.request(operation, token="bound")
    (entry,) = api.handle.request("audit", event=f"token.{event}")["entries"]
    assert (entry["brand_id"], entry["actor"]) == ("b2", "c1")


for _event in ("created", "revoked", "rotated"):
    CHECKS[f"audit_token_{_event}"] = partial(_audit_token, _event)


# Audit log.


def _audit(name: str, api: Api) -> None:
    api.send("GET /pages", token="no-scope")
    entry = api.handle.request("audit")["entries"][0]
    expected = {"method": "GET", "path": "/api/v1/pages", "status": 403, "ip": "127.0.0.1",
                "denied_scope": "read:pages"}  # fmt: skip
    if name == "milliseconds":
        assert entry[name] >= 0
    else:
        assert entry[name] == expected[name]


for _name in ("method", "path", "status", "ip", "milliseconds", "denied_scope"):
    CHECKS[f"audit_{_name}"] = partial(_audit, _name)


@check
def audit_30_days(api: Api) -> None:
    api.send("GET /me")
    api.advance(days=29)
    assert len(api.handle.request("audit")["entries"]) == 1
    api.advance(days=2)
    assert api.handle.request("audit")["entries"] == []


# Quotas, storage and headers.


@check
def buckets_are_separate(api: Api) -> None:
    api.use_up("reads", 100_000)
    assert api.code("GET /pages") == "MONTHLY_QUOTA_EXCEEDED"
    assert call(api, "POST /posts/schedule", "everything").is_success


@check
def counters_reset(api: Api) -> None:
    api.use_up("replies", 3_000)
    assert call(api, "POST /comments/reply", "everything").status_code == 429
    api.handle.request("advance", to="2026-11-30T23:59:59Z")
    assert call(api, "POST /comments/reply", "everything").status_code == 429
    api.handle.request("advance", to="2026-12-01T00:00:00Z")
    assert call(api, "POST /comments/reply", "everything").is_success


def _guardrails_on(tier: str, api: Api) -> None:
    api.set_tier(tier)
    start = NOW + timedelta(days=9)
    responses = [
        api.schedule("p_linkedin", start + timedelta(minutes=2 * n)).status_code for n in range(4)
    ]
    assert responses == [201, 201, 201, 429]


for _tier in ("free", "pro", "elite"):
    CHECKS[f"guardrails_on_{_tier}"] = partial(_guardrails_on, _tier)


@check
def minimum_gap(api: Api) -> None:
    first = NOW + timedelta(days=30)
    assert api.schedule("p_youtube", first).status_code == 201
    near = api.schedule("p_youtube", first + timedelta(seconds=59))
    assert near.json().get("code") == "PAGE_PUBLISH_GUARDRAIL"
    assert api.schedule("p_youtube", first + timedelta(seconds=60)).status_code == 201


def fill_brand(api: Api) -> httpx.Response:
    with api.server.state.transaction() as db:
        for number in range(500):
            db.execute(
                "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, media) "
                "VALUES (?, 'p_youtube', 'scheduled', ?, 0, '[]')",
                (f"n{number}", NOW.timestamp() + 10 * DAY + number * 61),
            )
    return api.schedule("p_twitter", NOW + timedelta(days=10, hours=9))


@check
def brand_net(api: Api) -> None:
    error = fill_brand(api).json()
    assert error.get("code") == "BRAND_PUBLISH_GUARDRAIL"
    assert error["retry_after_seconds"] > 0


def fill_hour(api: Api) -> httpx.Response:
    start = NOW + timedelta(days=9)
    for minute in range(9):
        response = api.schedule("p_instagram", start + timedelta(minutes=2 * minute))
    return response


@check
def page_cap_code(api: Api) -> None:
    error = fill_hour(api).json()
    assert error.get("code") == "PAGE_PUBLISH_GUARDRAIL"
    assert error["retry_after_seconds"] > 0


@check
def upload_counts(api: Api) -> None:
    before = api.storage()
    quota = api.upload().json()["quota"]
    assert quota["used_bytes"] == api.storage() == before + len(JPEG)


@check
def publishing_frees(api: Api) -> None:
    before = api.storage()
    media_id = api.upload().json()["media_id"]
    body = {"page_id": "p_instagram", "message": "x", "media_ids": [media_id]}
    scheduled = api.send("POST /posts/schedule", body={**body, "scheduled_at": "{soon}"})
    assert scheduled.is_success
    assert api.storage() == before + len(JPEG)
    api.advance(days=6)
    # That of s2 is free too.
    assert api.storage() == before - 100


@check
def deleting_frees(api: Api) -> None:
    before = api.storage()
    api.send("DELETE /media/m1")
    assert api.storage() == before - 2_345_678


@check
def media_urls_are_free(api: Api) -> None:
    before = api.storage()
    assert api.schedule("p_instagram", SOON, media_urls=[PICTURE]).is_success
    assert api.storage() == before


@check
def headers_everywhere(api: Api) -> None:
    for line in ("GET /me", "GET /pages/nope", "DELETE /media/m2", "GET /errors"):
        assert api.send(line).headers["X-API-Tier"] == "pro", line
    assert api.send("GET /pages", token="no-scope").headers["X-API-Tier"] == "pro"


@check
def rate_reset(api: Api) -> None:
    reset = int(api.send("GET /me").headers["X-RateLimit-Reset"])
    assert NOW.timestamp() < reset <= NOW.timestamp() + 61


# Sandbox tokens.


def use_sandbox(api: Api, requests: int) -> httpx.Response:
    for number in range(requests + 1):
        if number % 5 == 0:
            api.clock.advance(61)
        if number % 50 == 0 and requests > 50:
            api.advance(days=1)
        response = api.send("GET /pages", token="sandbox")
    return response


@check
def sandbox_lifetime(api: Api) -> None:
    response = use_sandbox(api, 100)
    assert (response.status_code, response.json().get("code")) == (402, "SANDBOX_EXHAUSTED")
    assert response.json()["upgrade_url"].startswith("https://outreply.com/dashboard")


@check
def sandbox_minute(api: Api) -> None:
    codes = [api.code("GET /pages", token="sandbox") for _ in range(6)]
    assert codes == [""] * 5 + ["RATE_LIMITED"]


@check
def sandbox_day(api: Api) -> None:
    assert use_sandbox(api, 50).json().get("code") == "DAILY_LIMIT_EXCEEDED"


@check
def sandbox_counts_nothing(api: Api) -> None:
    api.send("GET /pages", token="sandbox")
    assert api.execute("SELECT * FROM usage WHERE bucket = 'reads'") == []


# Idempotency.

_KEY = {"Idempotency-Key": "8f1c1d7a-2a99-4c12-9fcc-6b5d22e52a7b"}
_WRITES: dict[str, tuple[str, Any, str]] = {
    "schedule": ("POST /posts/schedule", POST, "SELECT count(*) FROM posts"),
    "publish": (
        "POST /posts/publish", {"page_id": "p_facebook", "message": "x"},
        "SELECT count(*) FROM posts",
    ),
    "reply": (
        "POST /comments/reply", {"comment_id": "c_abc123", "message": "x"},
        "SELECT count(*) FROM comments",
    ),
    "create_webhook": (
        "POST /webhooks", {"url": "http://127.0.0.1:9/", "events": ["post.failed"]},
        "SELECT count(*) FROM hooks",
    ),
    "cancel": ("DELETE /posts/scheduled/s1", None, ""),
    "delete_media": ("DELETE /media/m1", None, ""),
}  # fmt: skip


def _replay(name: str, api: Api) -> None:
    if name == "delete_webhook":
        line, body, sql = f"DELETE /webhooks/{create_webhook(api)}", None, ""
    else:
        line, body, sql = _WRITES[name]
    before = api.execute(sql)[0][0] if sql else 0
    first, second = (api.send(line, body=body, headers=_KEY) for _ in range(2))
    assert first.is_success
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert not sql or api.execute(sql)[0][0] == before + 1


for _write in (*_WRITES, "delete_webhook"):
    CHECKS[f"replay_{_write}"] = partial(_replay, _write)


@check
def idempotent_curl(api: Api) -> None:
    body = {"page_id": "p_instagram", "message": "Launch!", "scheduled_at": "{soon}"}
    first, second = (api.send("POST /posts/schedule", body=body, headers=_KEY) for _ in range(2))
    assert first.json() == second.json()


def reply(
    api: Api,
    token: str = "everything",  # noqa: S107 - a name
    key: str = "key",
    text: str = "x",
) -> httpx.Response:
    body = {"comment_id": "c_abc123", "message": text}
    headers = {"Idempotency-Key": key}
    return api.send("POST /comments/reply", token=token, body=body, headers=headers)


@check
def keys_per_token(api: Api) -> None:
    assert reply(api).json()["reply"]["id"] != reply(api, "older").json()["reply"]["id"]


@check
def keys_for_24_hours(api: Api) -> None:
    first = reply(api).json()
    api.advance(hours=24, seconds=1)
    assert reply(api).json() != first


@check
def keys_last_24_hours(api: Api) -> None:
    first = reply(api).json()
    api.advance(hours=24, seconds=-1)
    assert reply(api).json() == first


@check
def key_mismatch(api: Api) -> None:
    reply(api)
    response = reply(api, text="y")
    assert (response.status_code, response.json()["code"]) == (409, "IDEMPOTENCY_KEY_MISMATCH")


@check
def multipart_has_no_key(api: Api) -> None:
    first, second = (api.upload(headers=_KEY).json()["media_id"] for _ in range(2))
    assert first != second


@check
def key_lengths(api: Api) -> None:
    for key in ("k" * 121, ""):
        response = reply(api, key=key)
        assert response.json().get("code") == "INVALID_IDEMPOTENCY_KEY", key


@check
def key_of_120(api: Api) -> None:
    assert reply(api, key="k" * 120).is_success
    assert reply(api, key="k").is_success


# Webhooks.

_ALL_EVENTS = ["post.published", "post.failed", "comment.received", "comment.replied",
               "account.quota.warning"]  # fmt: skip


def create_webhook(api: Api, url: str = "http://127.0.0.1:9/") -> str:
    body = {"url": url, "events": _ALL_EVENTS}
    return str(api.send("POST /webhooks", body=body).json()["webhook"]["id"])


def subscribe(api: Api, receiver: Receiver) -> str:
    """Subscribe a receiver to every event; returns the secret."""
    body = {"url": receiver.url, "events": _ALL_EVENTS}
    return str(api.send("POST /webhooks", body=body).json()["webhook"]["secret"])


def cause(api: Api, event: str) -> None:
    if event == "post.published":
        api.advance(days=2.5)
    elif event == "post.failed":
        api.execute("UPDATE pages SET expired = 1")
        api.advance(days=2.5)
    elif event == "comment.received":
        api.handle.request("comment", post_id="o1", message="Hi", name="J", username="j")
    elif event == "comment.replied":
        call(api, "POST /comments/reply", "everything")
    else:
        api.use_up("replies", 2_399)
        call(api, "POST /comments/reply", "everything")


def list_payloads(api: Api) -> list[dict[str, Any]]:
    rows = api.execute("SELECT body FROM deliveries ORDER BY number")
    return [json.loads(row["body"]) for row in rows]


def run_event(api: Api, event: str) -> None:
    """An event is sent for its cause."""
    create_webhook(api)
    cause(api, event)
    assert event in {payload["event"] for payload in list_payloads(api)}


def run_payload(api: Api, path: str) -> None:
    """A field of the example payload is in the payload of an event."""
    create_webhook(api)
    cause(api, "post.published")
    (payload,) = list_payloads(api)
    value = get_path(payload, path)
    assert value["id"] == "s1" if path == "data.post" else isinstance(value, str)


@check
def warning_once(api: Api) -> None:
    create_webhook(api)
    api.use_up("replies", 2_398)
    for _ in range(5):
        call(api, "POST /comments/reply", "everything")
    events = [payload["event"] for payload in list_payloads(api)]
    assert events.count("account.quota.warning") == 1


def deliver_one(api: Api) -> tuple[str, dict[str, str], bytes]:
    """Deliver an event; returns the secret, the headers and the body."""
    with run_receiver() as receiver:
        secret = subscribe(api, receiver)
        cause(api, "comment.replied")
        api.advance(seconds=1)
        ((headers, body),) = receiver.requests
    return secret, headers, body


def sign(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@check
def signed_callback(api: Api) -> None:
    secret, headers, body = deliver_one(api)
    assert headers["x-outreply-signature"] == f"sha256={sign(secret, body)}"


@check
def signature_header(api: Api) -> None:
    _, headers, _ = deliver_one(api)
    assert re.fullmatch("sha256=[0-9a-f]{64}", headers["x-outreply-signature"])


@check
def reference_verifier(api: Api) -> None:
    secret, headers, body = deliver_one(api)
    expected = sign(secret, body)
    parts = headers["x-outreply-signature"].split(",")
    assert any(part.strip() == f"sha256={expected}" for part in parts)


@check
def retry_times(api: Api) -> None:
    create_webhook(api)
    cause(api, "comment.replied")
    api.advance(days=1)
    log = api.handle.request("deliveries")["deliveries"][0]["attempt_log"]
    times = [datetime.fromisoformat(attempt["at"]) for attempt in log]
    assert [(b - a).total_seconds() for a, b in pairwise(times)] == [30, 120, 600, 1_800, 7_200]


@check
def slow_receiver_is_retried(api: Api) -> None:
    timeouts: list[float] = []

    def deliver(*_: object, timeout: float, **__: object) -> Any:
        timeouts.append(timeout)
        return DeliveryResult(status=None, error="timed out", milliseconds=0.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "deliver", deliver)
        create_webhook(api)
        cause(api, "comment.replied")
        api.advance(seconds=40)
    assert timeouts == [10.0, 10.0]


def fail_deliveries(api: Api, webhook_id: str, count: int) -> bool:
    """Fail deliveries, each once; returns whether the webhook is active."""
    for _ in range(count):
        cause(api, "comment.replied")
        api.advance(seconds=1)
        api.execute("UPDATE deliveries SET due_at = NULL")
    return bool(api.send(f"GET /webhooks/{webhook_id}").json()["webhook"]["active"])


@check
def disabled_after_20(api: Api) -> None:
    webhook_id = create_webhook(api)
    assert fail_deliveries(api, webhook_id, 19)
    assert not fail_deliveries(api, webhook_id, 1)


@check
def enabled_again(api: Api) -> None:
    webhook_id = create_webhook(api)
    assert not fail_deliveries(api, webhook_id, 20)
    api.handle.request("enable", id=webhook_id)
    assert fail_deliveries(api, webhook_id, 1)


@check
def deliveries_for_30_days(api: Api) -> None:
    with run_receiver() as receiver:
        subscribe(api, receiver)
        for days, count in ((0, 1), (29, 2), (2, 2)):
            api.advance(days=days)
            cause(api, "comment.replied")
            api.advance(seconds=1)
            rows = api.handle.request("deliveries")["deliveries"]
            assert len([row for row in rows if row["event"] == "comment.replied"]) == count
    # Reading is enough: nothing is delivered after this.
    api.advance(days=40)
    assert api.handle.request("deliveries")["deliveries"] == []


def rotate(api: Api, after: timedelta) -> tuple[list[str], list[str]]:
    """The expected signatures by both secrets, and those sent some time after a rotation."""
    with run_receiver() as receiver:
        old = subscribe(api, receiver)
        (row,) = api.execute("SELECT id FROM hooks")
        new = api.handle.request("rotate", id=row["id"])["secret"]
        assert new != old
        api.handle.request("advance", seconds=after.total_seconds())
        cause(api, "comment.replied")
        api.advance(seconds=1)
        headers, body = receiver.requests[-1]
    sent = [part.strip() for part in headers["x-outreply-signature"].split(",")]
    return [f"sha256={sign(secret, body)}" for secret in (new, old)], sent


@check
def rotated_signing_key(api: Api) -> None:
    expected, sent = rotate(api, timedelta(hours=1))
    assert expected[0] in sent


@check
def both_secrets_for_24_hours(api: Api) -> None:
    expected, sent = rotate(api, timedelta(hours=23))
    assert sorted(sent) == sorted(expected)


@check
def one_secret_after_24_hours(api: Api) -> None:
    expected, sent = rotate(api, timedelta(hours=25))
    assert sent == expected[:1]


@check
def two_signatures(api: Api) -> None:
    expected, sent = rotate(api, timedelta(hours=1))
    assert sorted(sent) == sorted(expected)


# Errors.


def use_up_day(api: Api) -> httpx.Response:
    return use_sandbox(api, 50)


def fill_storage(api: Api) -> httpx.Response:
    api.execute("UPDATE media SET size_bytes = 1073741800 WHERE id = 'm1'")
    return api.upload()


def upload_too_large(api: Api) -> httpx.Response:
    api.set_tier("free")
    return api.upload(JPEG + b"\0" * 25 * 1024 * 1024)


def exceed_rate(api: Api) -> httpx.Response:
    return [api.send("GET /me") for _ in range(61)][-1]


def exceed_month(api: Api) -> httpx.Response:
    api.use_up("publishes", 500)
    return api.schedule("p_facebook", SOON)


def mismatch(api: Api) -> httpx.Response:
    reply(api)
    return reply(api, text="y")


def send_with(line: str, **options: Any) -> Callable[[Api], httpx.Response]:
    return lambda api: api.send(line, **options)


ERRORS: dict[str, Callable[[Api], httpx.Response]] = {
    "MISSING_FIELD": send_with("POST /posts/schedule", body={"page_id": "p_facebook"}),
    "INVALID_DATE": lambda api: api.schedule("p_facebook", NOW + timedelta(minutes=9)),
    "INVALID_MEDIA_URL": lambda api: api.schedule(
        "p_facebook", SOON, media_urls=["http://localhost/a.jpg"]
    ),
    "INVALID_FILE_CONTENT": lambda api: api.upload(JPEG, "a.png", "image/png"),
    "UPLOAD_ERROR": lambda api: api.upload(b"<svg/>", "a.svg", "image/svg+xml"),
    "NO_FILE": send_with("POST /media/upload", files={"photo": ("a.jpg", JPEG)}),
    "MISSING_TOKEN": send_with("GET /me", token=None),
    "INVALID_TOKEN": send_with("GET /me", token="outreply_live_unknown"),
    "TOKEN_REVOKED": send_with("GET /me", token="revoked"),
    "TOKEN_EXPIRED": send_with("GET /me", token="expired"),
    "MISSING_SCOPE": send_with("GET /pages", token="no-scope"),
    "IP_NOT_ALLOWED": send_with("GET /me", token="elsewhere"),
    "BRAND_NOT_AUTHORIZED": send_with("GET /brands/b1", token="narrow"),
    "COLLABORATOR_INSUFFICIENT": send_with("GET /me", token="downgraded"),
    "NOT_FOUND": send_with("DELETE /posts/scheduled/nope"),
    "MEDIA_IN_USE": send_with("DELETE /media/m2"),
    "FILE_TOO_LARGE": upload_too_large,
    "QUOTA_EXCEEDED": fill_storage,
    "RATE_LIMITED": exceed_rate,
    "DAILY_LIMIT_EXCEEDED": use_up_day,
    "PAGE_PUBLISH_GUARDRAIL": fill_hour,
    "BRAND_PUBLISH_GUARDRAIL": fill_brand,
    "MONTHLY_QUOTA_EXCEEDED": exceed_month,
    "SANDBOX_EXHAUSTED": lambda api: use_sandbox(api, 100),
    "INVALID_IDEMPOTENCY_KEY": lambda api: reply(api, key="k" * 121),
    "IDEMPOTENCY_KEY_MISMATCH": mismatch,
    "SERVER_ERROR": send_with("GET /me", headers={"X-Emulator-Fault": "status:500"}),
}  # fmt: skip


def parse_error_row(row: str) -> tuple[int, str]:
    """The status and the code of a row of a table of errors."""
    match = re.match(r"(\d{3}) ?([A-Z][A-Z_]*[A-Z])(?=[A-Z][a-z]|[A-Z]$|[a-z]| |$)", row)
    if match is None or match[2] not in ERRORS:
        match = next(m for code in ERRORS if (m := re.match(rf"(\d{{3}}) ?({code})", row)))
    return int(match[1]), match[2]


def run_error(api: Api, row: str) -> None:
    """An error has the status and code of its row, and is in the catalog."""
    status, code = parse_error_row(row)
    response = ERRORS[code](api)
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert body["error"]
    components = document(api.server.base_url, emulator=True)["components"]
    schema = components["schemas"][error_component(code)]
    Draft202012Validator({**schema, "components": components}).validate(body)
    assert set(body) <= set(schema["properties"])
    if code == "RATE_LIMITED":
        assert int(response.headers["Retry-After"]) > 0
    if code == "SANDBOX_EXHAUSTED":
        assert body["upgrade_url"]
    assert any(
        entry["code"] == code and entry["status"] == status
        for entry in api.send("GET /errors", token=None).json()["errors"]
    )


def _catalog(name: str, api: Api) -> None:
    for entry in api.send("GET /errors", token=None).json()["errors"]:
        assert entry[name]


for _name in ("code", "category", "status", "message", "fix"):
    CHECKS[f"catalog_{_name}"] = partial(_catalog, _name)


@check
def catalog_is_complete(api: Api) -> None:
    codes = {entry["code"] for entry in api.send("GET /errors", token=None).json()["errors"]}
    assert {*ERRORS, "INVALID_FIELD", "INVALID_JSON", "METHOD_NOT_ALLOWED"} <= codes


# Lists.

_LISTS = {"scheduled_posts": "/posts/scheduled?", "published_posts": "/posts/published?",
          "comments": "/comments?post_id=o1&"}  # fmt: skip


def _limit_default(key: str, api: Api) -> None:
    api.fill_rows(key, 60)
    assert len(api.send(f"GET {_LISTS[key]}").json()[key]) == 50


def _limit_max(key: str, api: Api) -> None:
    api.fill_rows(key, 120)
    assert len(api.send(f"GET {_LISTS[key]}limit=100").json()[key]) == 100


def _limit_one(key: str, api: Api) -> None:
    api.fill_rows(key, 3)
    assert len(api.send(f"GET {_LISTS[key]}limit=1").json()[key]) == 1


for _list in _LISTS:
    CHECKS[f"limit_default_{_list}"] = partial(_limit_default, _list)
    CHECKS[f"limit_max_{_list}"] = partial(_limit_max, _list)
    CHECKS[f"limit_one_{_list}"] = partial(_limit_one, _list)


@check
def brand_pages_equal_filter(api: Api) -> None:
    filtered = api.send("GET /pages?brand_id=b1").json()
    assert api.send("GET /brands/b1/pages").json() == filtered


@check
def lists_published(api: Api) -> None:
    listed = api.send("GET /posts/published").json()["published_posts"]
    assert [post["id"] for post in listed] == ["o1"]
    api.advance(days=2.5)
    listed = api.send("GET /posts/published").json()["published_posts"]
    assert [post["id"] for post in listed] == ["s1", "o1"]


def list_since(api: Api, line: str, key: str, since: str) -> list[str]:
    joint = "&" if "?" in line else "?"
    return [item["id"] for item in api.send(f"{line}{joint}since={since}").json()[key]]


def _since(line: str, key: str, field: str, api: Api) -> None:
    """Only what is later than `since` is listed."""
    api.advance(seconds=0.6541)
    if key == "comments":
        call(api, "POST /comments/reply", "everything")
    else:
        call(api, "POST /posts/publish", "everything")
    (newest, oldest) = api.send(line).json()[key]
    before = datetime.fromisoformat(newest[field]) - timedelta(milliseconds=1)
    assert list_since(api, line, key, format_time(before)) == [newest["id"]]
    assert list_since(api, line, key, oldest[field]) == [newest["id"]]


def _since_excludes(line: str, key: str, field: str, api: Api) -> None:
    """What `since` names is not listed, to the millisecond that is shown."""
    for step in (0.3337, 0.4449, 0.5551):
        api.advance(seconds=step)
        if key == "comments":
            call(api, "POST /comments/reply", "everything")
        else:
            api.send("POST /posts/publish", body={"page_id": "p_facebook", "message": "x"})
        newest = api.send(line).json()[key][0]
        assert list_since(api, line, key, newest[field]) == []


_PUBLISHED = ("GET /posts/published", "published_posts", "published_at")
_COMMENTS = ("GET /comments?post_id=o1", "comments", "created_at")
CHECKS |= {
    "published_since": partial(_since, *_PUBLISHED), "comments_since": partial(_since, *_COMMENTS),
    "published_since_excludes": partial(_since_excludes, *_PUBLISHED),
    "comments_since_excludes": partial(_since_excludes, *_COMMENTS),
}  # fmt: skip


# Posts.


@check
def same_shape_as_created(api: Api) -> None:
    created = call(api, "POST /posts/schedule", "everything").json()
    post_id = created["scheduled_post"]["id"]
    assert api.send(f"GET /posts/scheduled/{post_id}").json() == created


@check
def published_at_once(api: Api) -> None:
    published = call(api, "POST /posts/publish", "everything").json()
    listed = api.send("GET /posts/published").json()["published_posts"][0]
    assert published["post_id"] == listed["remote_id"]


@check
def publish_takes_the_same_body(api: Api) -> None:
    body = {"page_id": "p_instagram", "message": "x", "media_urls": [PICTURE], "media_ids": ["m1"],
            "first_comment": "y"}  # fmt: skip
    assert api.send("POST /posts/publish", body=body).status_code == 201


@check
def response_after_acceptance(api: Api) -> None:
    body = {"page_id": "p_instagram", "message": "Only text"}
    before = api.send("GET /posts/published").json()
    error = api.send("POST /posts/publish", body=body)
    assert error.json().get("error") == "Instagram requires an image or a video"
    assert api.send("GET /posts/published").json() == before


def _attach(verb: str, api: Api) -> None:
    media_id = api.upload().json()["media_id"]
    body = {"page_id": "p_instagram", "message": "x", "media_ids": [media_id]}
    if verb == "schedule":
        response = api.send("POST /posts/schedule", body={**body, "scheduled_at": "{soon}"})
        (item,) = response.json()["scheduled_post"]["media"]
        assert item["type"] == "photo"
    else:
        assert api.send("POST /posts/publish", body=body).is_success
        # Published media are freed.
        listed = [item["media_id"] for item in api.send("GET /media").json()["media"]]
        assert media_id not in listed


for _verb in ("schedule", "publish"):
    CHECKS[f"attach_uploads_{_verb}"] = partial(_attach, _verb)


def _first_comment(how: str, platform: str, api: Api) -> None:
    body = {"page_id": f"p_{platform}", "message": "x", "media_urls": [PICTURE],
            "first_comment": "More details"}  # fmt: skip
    if how == "scheduled":
        api.send("POST /posts/schedule", body={**body, "scheduled_at": "{soon}"})
        api.advance(days=6)
    else:
        api.send("POST /posts/publish", body=body)
    post = api.send("GET /posts/published").json()["published_posts"][0]
    (comment,) = api.send(f"GET /comments?post_id={post['id']}").json()["comments"]
    assert (comment["message"], comment["created_at"]) == ("More details", post["published_at"])
    assert post["metrics"]["comments"] == 1


for _how in ("scheduled", "published"):
    for _platform in ("instagram", "facebook"):
        name = f"first_comment_{_how}_{_platform}"
        CHECKS[name] = partial(_first_comment, _how, _platform)


# Media.

_SAMPLES = {
    "jpeg": (sample_files.jpeg(), "a.jpg", "image/jpeg"),
    "png": (sample_files.png(), "a.png", "image/png"),
    "gif": (sample_files.gif(), "a.gif", "image/gif"),
    "webp": (sample_files.webp(), "a.webp", "image/webp"),
    "mp4": (sample_files.mp4(), "a.mp4", "video/mp4"),
    "quicktime": (sample_files.mp4(b"qt  "), "a.mov", "video/quicktime"),
    "webm": (sample_files.webm(), "a.webm", "video/webm"),
}
_REFUSED = {
    "html": (b"<!doctype html>", "a.html", "text/html"), "pdf": (b"%PDF-1.7", "a.pdf",
    "application/pdf"), "zip": (b"PK\x03\x04", "a.zip", "application/zip"),
    "swf": (b"CWS\x0a", "a.swf", "application/x-shockwave-flash"),
}  # fmt: skip


def _upload(kind: str, api: Api) -> None:
    content, name, mime = _SAMPLES[kind]
    uploaded = api.upload(content, name, mime).json()
    expected = "photo" if mime.startswith("image") else "video"
    assert (uploaded["mime_type"], uploaded["type"]) == (mime, expected)


for _kind in _SAMPLES:
    CHECKS[f"upload_{_kind}"] = partial(_upload, _kind)
CHECKS |= {"upload_image": partial(_upload, "jpeg"), "upload_video": partial(_upload, "mp4")}


def _refuse(kind: str, api: Api) -> None:
    assert api.upload(*_REFUSED[kind]).json().get("code") == "UPLOAD_ERROR"


for _kind in _REFUSED:
    CHECKS[f"refuse_{_kind}"] = partial(_refuse, _kind)


@check
def svg_upload(api: Api) -> None:
    assert api.upload(b"<svg/>", "a.svg", "image/svg+xml").json().get("code") == "UPLOAD_ERROR"


@check
def spoofed_upload(api: Api) -> None:
    error = api.upload(JPEG, "a.png", "image/png").json()
    assert error.get("code") == "INVALID_FILE_CONTENT"


@check
def extension_checked(api: Api) -> None:
    assert api.upload(JPEG, "a.exe").json().get("code") == "UPLOAD_ERROR"


@check
def uuid_filename(api: Api) -> None:
    assert re.fullmatch(r"api_[0-9a-f]{32}\.jpg", api.upload().json()["filename"])


@check
def field_is_file(api: Api) -> None:
    assert api.code("POST /media/upload", files={"photo": ("a.jpg", JPEG)}) == "NO_FILE"
    assert api.upload().is_success


@check
def multipart_only(api: Api) -> None:
    assert api.code("POST /media/upload", body={"file": "x"}) == "UPLOAD_ERROR"


@check
def all_media_listed(api: Api) -> None:
    user = api.execute("SELECT id FROM users")[0]["id"]
    for number in range(150):
        api.execute(
            "INSERT INTO media (id, user_id, filename, size_bytes, mime_type, sha256, created_at) "
            "VALUES (?, ?, 'a.jpg', 1, 'image/jpeg', '', 0)", f"n{number}", user,
        )  # fmt: skip
    assert len(api.send("GET /media").json()["media"]) == 152


@check
def deleted_media_not_listed(api: Api) -> None:
    api.send("DELETE /media/m1")
    assert [item["media_id"] for item in api.send("GET /media").json()["media"]] == ["m2"]


# Integrations.


@check
def make_request(api: Api) -> None:
    body = {"page_id": "p_instagram", "message": "x", "media_urls": [PICTURE],
            "scheduled_at": "2026-12-01T10:00:00+01:00"}  # fmt: skip
    post = api.send("POST /posts/schedule", body=body).json()["scheduled_post"]
    assert post["scheduled_at"] == "2026-12-01T09:00:00.000Z"


@check
def zapier_request(api: Api) -> None:
    assert api.schedule("p_instagram", SOON, media_urls=[PICTURE]).status_code == 201


@check
def cron_request(api: Api) -> None:
    at = f"{NOW + timedelta(days=1):%Y-%m-%dT09:00:00Z}"
    body = {"page_id": "p_facebook", "message": "A tip", "scheduled_at": at}
    assert api.send("POST /posts/schedule", body=body).status_code == 201
