"""Input that nobody should send: each is answered in JSON, with what is wrong and a request id."""

import http.client
import json
from typing import Any

import httpx
import pytest

from outreply_cli.emulator.server import EmulatorServer

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100


def check(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["X-Request-Id"].startswith("req_")
    assert answer.headers["X-API-Tier"] == "pro"


def body_of(client: httpx.Client, **more: Any) -> dict[str, Any]:
    page = client.get("/pages").json()["pages"][0]["id"]
    return {"page_id": page, "message": "x", "scheduled_at": "2026-11-24T12:00:00Z", **more}


@pytest.mark.parametrize(
    "more",
    [{"message": "\ud800"}, {"page_id": "a\udfff"}, {"link": "\ud800"}, {"\udc00": 1},
     {"tiktok_settings": {"a": ["\ud800"]}}, {"tiktok_settings": {"\udbff": 1}}],
    ids=str,
)  # fmt: skip
def test_half_a_character_is_no_json(http: httpx.Client, more: dict[str, Any]) -> None:
    raw = json.dumps(body_of(http, **more))
    check(http.post("/posts/schedule", content=raw), 400, "INVALID_JSON")


def test_a_whole_character_in_two_escapes_is_read(http: httpx.Client) -> None:
    raw = json.dumps(body_of(http, message="🚀"))
    assert "\\ud83d" in raw
    made = http.post("/posts/schedule", content=raw)
    assert made.json()["scheduled_post"]["message"] == "🚀"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
def test_a_number_that_json_does_not_have_is_refused(http: httpx.Client, number: str) -> None:
    raw = json.dumps(body_of(http, tiktok_settings={"a": 0})).replace(": 0", f": {number}")
    check(http.post("/posts/schedule", content=raw), 400, "INVALID_JSON")


@pytest.mark.parametrize("limit", ["0" * 5000 + "1", "9" * 5000, "0", "101", "-1", "²", "1e1"])
def test_a_limit_that_is_none_is_refused(http: httpx.Client, limit: str) -> None:
    check(http.get("/media", params={"limit": limit}), 400, "INVALID_FIELD")


def test_more_text_or_parts_than_a_form_may_have_is_an_upload_error(
    http: httpx.Client,
) -> None:
    files = {"file": ("a.jpg", JPEG, "image/jpeg")}
    text = http.post("/media/upload", data={"note": "x" * 600_000}, files=files)
    check(text, 400, "UPLOAD_ERROR")
    many = http.post("/media/upload", data={f"n{n}": "x" for n in range(1100)}, files=files)
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
def test_a_form_that_can_not_be_read_is_an_upload_error(
    http: httpx.Client, kind: str, body: bytes
) -> None:
    answer = http.post(
        "/media/upload", content=body, headers={b"Content-Type": kind.encode("latin-1")}
    )
    check(answer, 400, "UPLOAD_ERROR")


def test_a_mistake_of_ours_is_a_server_error_in_json_and_a_line_on_the_log(
    emulator: EmulatorServer, http: httpx.Client, capfd: pytest.CaptureFixture[str]
) -> None:
    emulator.state.connection.execute("ALTER TABLE brands RENAME TO hidden")
    check(http.get("/brands"), 500, "SERVER_ERROR")
    said = capfd.readouterr().err
    assert "GET /api/v1/brands" in said
    assert "no such table: brands" in said
    assert "Traceback" not in said
    emulator.state.connection.execute("ALTER TABLE hidden RENAME TO brands")
    assert http.get("/brands").status_code == 200


def test_what_is_no_http_or_too_much_of_it_is_refused_in_json(emulator: EmulatorServer) -> None:
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
        answer = connection.getresponse()
        told = json.loads(answer.read())
        assert answer.status == status
        assert {"error", "code"} <= set(told)
        assert str(answer.getheader("X-Request-Id")).startswith("req_")
        connection.close()
