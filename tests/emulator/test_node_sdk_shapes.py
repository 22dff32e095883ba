"""Requests that `@outreply/node` sends, and responses that it expects.

They are documented by the API reference and the SDK's source.

Reference: Official SDKs. These are the SDK's requests, sent without it.
"""

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from outreply_cli.pytest_plugin import OutReplyEmulator
from tests.media.sample_files import png

# The reference's verifier; prints whether it accepts each delivery in the input.
VERIFIER = r"""
const crypto = require("crypto");
function verify(rawBody, header, secret) {
  const expected = crypto.createHmac("sha256", secret).update(rawBody).digest("hex");
  // header may contain multiple signatures during a secret rotation window
  return header.split(",").some(s => s.trim() === `sha256=${expected}`);
}
const deliveries = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(deliveries.map(({ body, header, secret }) =>
  verify(Buffer.from(body, "base64"), header, secret))));
"""


class Receiver(ThreadingHTTPServer):
    """Stores the body and the signature of each delivery."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.deliveries: list[tuple[bytes, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/webhooks/outreply"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.deliveries.append((body, self.headers["x-outreply-signature"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Log nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Sdk:
    """Sends requests as the SDK does: a bearer token, JSON, a key with each write."""

    def __init__(self, emulator: OutReplyEmulator) -> None:
        self._base_url, self._token = emulator.base_url, emulator.token
        self._http = httpx.Client(trust_env=False, verify=False, timeout=60)
        # `Idempotency-Key` of the latest write.
        self.key = ""

    def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            "User-Agent": "outreply-node/1.0.1",
        }
        if method in {"POST", "DELETE"}:
            self.key = str(uuid.uuid4())
            headers["Idempotency-Key"] = self.key
        headers |= content.pop("headers", {})
        return self._http.request(method, self._base_url + path, headers=headers, **content)

    def call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        """The parsed response, which the SDK reads only if its type is JSON."""
        response = self.request(method, path, **content)
        assert response.is_success, response.text
        assert "application/json" in response.headers["Content-Type"]
        parsed: dict[str, Any] = response.json()
        return parsed

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def sdk(outreply_emulator: OutReplyEmulator) -> Iterator[Sdk]:
    sdk = Sdk(outreply_emulator)
    yield sdk
    sdk.close()


def new_post(emulator: OutReplyEmulator, sdk: Sdk, hours: float = 1) -> dict[str, str]:
    """The argument of `posts.schedule`, with a time as JavaScript's `toISOString` writes it."""
    (page,) = sdk.call("GET", "/pages?platform=twitter")["pages"]
    at = (emulator.now + timedelta(hours=hours)).isoformat(timespec="milliseconds")
    return {
        "page_id": page["id"],
        "message": "Hello from the Node SDK 👋",
        "scheduled_at": at.replace("+00:00", "Z"),
    }


def test_me_and_account_return_the_user(sdk: Sdk) -> None:
    assert sdk.call("GET", "/me")["authenticated_as"]["email"] == "alex@example.com"
    assert sdk.call("GET", "/account")["user"]["email"] == "alex@example.com"


def test_scheduled_post_is_listed_retrieved_and_cancelled(
    outreply_emulator: OutReplyEmulator, sdk: Sdk
) -> None:
    new = new_post(outreply_emulator, sdk)
    post = sdk.call("POST", "/posts/schedule", json=new)["scheduled_post"]
    assert {name: post[name] for name in new} == new
    again = {"json": new, "headers": {"Idempotency-Key": sdk.key}}
    # The SDK sends the same key again after a timeout, a 429 or a 5xx.
    assert sdk.call("POST", "/posts/schedule", **again)["scheduled_post"] == post
    assert sdk.call("GET", "/posts/scheduled?limit=10")["scheduled_posts"] == [post]
    assert sdk.call("GET", f"/posts/scheduled/{post['id']}")["scheduled_post"] == post
    # The SDK sends neither a body nor a content type.
    assert sdk.call("DELETE", f"/posts/scheduled/{post['id']}")["success"] is True
    assert sdk.request("DELETE", f"/posts/scheduled/{post['id']}").status_code == 404


def test_published_post_is_listed_and_its_comment_answered(
    outreply_emulator: OutReplyEmulator, sdk: Sdk
) -> None:
    page_id = new_post(outreply_emulator, sdk)["page_id"]
    sdk.call("POST", "/posts/publish", json={"page_id": page_id, "message": "Now"})
    newest = sdk.call("GET", f"/posts/published?page_id={page_id}")["published_posts"][0]
    assert newest["message"] == "Now"
    outreply_emulator.request("comment", post_id=newest["id"], message="Nice")
    (comment,) = sdk.call("GET", f"/comments?post_id={newest['id']}")["comments"]
    reply = {"comment_id": comment["id"], "message": "Thanks"}
    sdk.call("POST", "/comments/reply", json=reply)


def test_media_is_uploaded_retrieved_and_deleted(sdk: Sdk) -> None:
    files = {"file": ("promo.png", png(), "image/png")}
    media_id = sdk.call("POST", "/media/upload", files=files)["media_id"]
    assert sdk.call("GET", f"/media/{media_id}")
    assert len(sdk.call("GET", "/media")["media"]) == 1
    sdk.call("DELETE", f"/media/{media_id}")
    assert sdk.call("GET", "/media")["media"] == []


def test_content_of_the_reference_quickstart_is_not_a_message(
    outreply_emulator: OutReplyEmulator, sdk: Sdk
) -> None:
    """The quickstart sends `content`; the endpoint and both SDKs have `message`."""
    post = new_post(outreply_emulator, sdk)
    post["content"] = post.pop("message")
    response = sdk.request("POST", "/posts/schedule", json=post)
    assert response.status_code == 400
    assert "message" in response.json()["error"]


def test_errors_have_what_the_sdk_reads(outreply_emulator: OutReplyEmulator, sdk: Sdk) -> None:
    missing = sdk.request("GET", "/posts/scheduled/none")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    outreply_emulator.fault("rate-limit:3", times=1)
    limited = sdk.request("GET", "/pages")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "3")


def accepts(body: bytes, header: str, secret: str) -> bool:
    """The rule of the reference's verifier."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return any(part.strip() == f"sha256={expected}" for part in header.split(","))


def test_verifiers_accept_deliveries_also_in_a_rotation_window(
    outreply_emulator: OutReplyEmulator, sdk: Sdk, receiver: Receiver
) -> None:
    new = {"url": receiver.url, "events": ["post.published"]}
    hook = sdk.call("POST", "/webhooks", json=new)["webhook"]
    secrets = [hook["secret"]]
    for hours in (1, 2, 30):
        post = new_post(outreply_emulator, sdk, hours)
        sdk.call("POST", "/posts/schedule", json=post)
    outreply_emulator.advance("1h")
    secrets.append(outreply_emulator.request("rotate", id=hook["id"])["secret"])
    outreply_emulator.advance("1h")
    outreply_emulator.advance("28h")
    assert [header.count("sha256=") for _, header in receiver.deliveries] == [1, 2, 1]
    cases = [(*delivery, secret) for delivery in receiver.deliveries for secret in secrets]
    cases.append((receiver.deliveries[1][0] + b" ", receiver.deliveries[1][1], secrets[0]))
    expected = [True, False, True, True, False, True, False]
    assert [accepts(*case) for case in cases] == expected
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    deliveries = [
        {"body": base64.b64encode(body).decode(), "header": header, "secret": secret}
        for body, header, secret in cases
    ]
    done = subprocess.run(
        ["node", "-e", VERIFIER], input=json.dumps(deliveries), capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == expected
