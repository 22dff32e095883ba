"""Invalid input: every response is a JSON error with a request id."""

import http.client
import json
from typing import Any

import httpx
import pytest

from outreply_cli.emulator.server import EmulatorServer

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100


def check(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["X-Request-Id"].startswith("req_")
    assert response.headers["X-API-Tier"] == "pro"


def post_body(client: httpx.Client, **more: Any) -> dict[str, Any]:
    page = client.get("/pages").json()["pages"][0]["id"]
    return {"page_id": page, "message": "x", "scheduled_at": "2026-11-24T12:00:00Z", **more}


@pytest.mark.parametrize(
    "more",
    [{"message": "\ud800"}, {"page_id": "a\udfff"}, {"link": "\ud800"}, {"\udc00": 1},
     {"tiktok_settings": {"a": ["\ud800"]}}, {"tiktok_settings": {"\udbff": 1}}],
    ids=str,
)  # fmt: skip
def test_lone_surrogate_is_invalid_json(http: httpx.Client, more: dict[str, Any]) -> None:
    raw = json.dumps(post_body(http, **more))
    check(http.post("/posts/schedule", content=raw), 400, "INVALID_JSON")


def test_surrogate_pair_is_decoded(http: httpx.Client) -> None:
    raw = json.dumps(post_body(http, message="🚀"))
    assert "\\ud83d" in raw
    response = http.post("/posts/schedule", content=raw)
    assert response.json()["scheduled_post"]["message"] == "🚀"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
def test_invalid_json_number_is_rejected(http: httpx.Client, number: str) -> None:
    raw = json.dumps(post_body(http, tiktok_settings={"a": 0})).replace(": 0", f": {number}")
    check(http.post("/posts/schedule", content=raw), 400, "INVALID_JSON")


@pytest.mark.parametrize("limit", ["0" * 5000 + "1", "9" * 5000, "0", "101", "-1", "²", "1e1"])
def test_invalid_limit_is_rejected(http: httpx.Client, limit: str) -> None:
    check(http.get("/posts/scheduled", params={"limit": limit}), 400, "INVALID_FIELD")


def test_oversized_form_is_upload_error(
    http: httpx.Client,
) -> None:
    files = {"file": ("a.jpg", JPEG, "image/jpeg")}
    text = http.post("/media/upload", data={"note": "x" * 600_000}, files=files)
    check(text, 400, "UPLOAD_ERROR")
    many = http.post(
        "/media/upload", data={f"n{number}": "x" for number in range(1100)}, files=files
    )
    check(many, 400, "UPLOAD_ERROR")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
            b"Content-Type: image/jpeg\r\n\r\n" + JPEG,
        ),
        ("multipart/form-data; boundary=\xe9", b"--x"),
        ("image/jpeg", JPEG),
    ],
)
def test_invalid_form_is_upload_error(http: httpx.Client, kind: str, body: bytes) -> None:
    response = http.post(
        "/media/upload", content=body, headers={b"Content-Type": kind.encode("latin-1")}
    )
    check(response, 400, "UPLOAD_ERROR")


def test_internal_error_is_logged(
    emulator: EmulatorServer, http: httpx.Client, capfd: pytest.CaptureFixture[str]
) -> None:
    emulator.state.connection.execute("ALTER TABLE brands RENAME TO hidden")
    check(http.get("/brands"), 500, "SERVER_ERROR")
    log = capfd.readouterr().err
    assert "GET /api/v1/brands" in log
    assert "no such table: brands" in log
    assert "Traceback" not in log
    emulator.state.connection.execute("ALTER TABLE hidden RENAME TO brands")
    assert http.get("/brands").status_code == 200


def test_malformed_http_returns_json_error(emulator: EmulatorServer) -> None:
    for headers, status in (
        ({"Content-Length": str(300 * 1024 * 1024)}, 413),
        ({"X-Long": "x" * 40_000}, 431),
        ({"Content-Length": "-1"}, 400),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", emulator.port)
        connection.putrequest("POST", "/api/v1/media/upload")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = json.loads(response.read())
        assert response.status == status
        assert {"error", "code"} <= set(body)
        assert str(response.getheader("X-Request-Id")).startswith("req_")
        connection.close()


@pytest.mark.parametrize(
    "events", [[{}], [[1]], [None], ["post.published", 1], "post.published", {}, [], 5, True]
)
def test_invalid_events_of_a_webhook_are_rejected(http: httpx.Client, events: object) -> None:
    refused = http.post("/webhooks", json={"url": "http://127.0.0.1:9/", "events": events})
    assert (refused.status_code, refused.json()["field"]) == (400, "events")
