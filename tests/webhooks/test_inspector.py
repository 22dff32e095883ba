"""The web page at `/_inspect`: escaping, local access only, CSRF protection."""

import http.client
import re
from pathlib import Path
from urllib.parse import urlencode

from outreply_cli.webhooks.forward import UrlTarget
from tests.browser import dump_dom, needs_browser
from tests.webhooks.receiver_fixture import RunningReceiver, event_body, run_receiver

HOSTILE = "</pre><script>document.title='xss'</script><img src=x onerror=alert(1)>"


def fetch(
    receiver: RunningReceiver, path: str, method: str = "GET", body: str = "", **headers: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.server.port)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def test_pages_are_escaped_without_secrets(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body("post.published", f"data.post.message={HOSTILE}"))
        headers = {"X-OutReply-Event": HOSTILE, "X-Other": HOSTILE, "Authorization": "Bearer t0k"}
        receiver.send(HOSTILE.encode(), signature="sha256=" + "0" * 64, headers=headers)
        for path in ("/_inspect", "/_inspect/1", "/_inspect/2"):
            status, page = fetch(receiver, path)
            assert status == 200
            assert "<script" not in page
            assert "<img" not in page
            assert "whsec_" not in page
            assert "t0k" not in page
        assert "signed with another secret" in fetch(receiver, "/_inspect/2")[1]
        assert "signed with secret 1" in fetch(receiver, "/_inspect/1")[1]
        assert fetch(receiver, "/_inspect/99")[0] == 404


def test_remote_host_gets_404(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        assert fetch(receiver, "/_inspect", Host="abc.tunnel.example")[0] == 404
        assert fetch(receiver, "/_inspect", Host="localhost:99")[0] == 200
        # tailscale forwards the Host header of the client.
        for header in ("X_Forwarded_For", "X_Forwarded_Host", "Forwarded", "CF_Connecting_IP"):
            proxied = {"Host": "localhost", header: "203.0.113.7"}
            assert fetch(receiver, "/_inspect", **proxied)[0] == 404
    with run_receiver(tmp_path, has_inspector=False) as receiver:
        assert fetch(receiver, "/_inspect")[0] == 404


def test_replay_needs_csrf_token_and_origin(tmp_path: Path) -> None:
    target = UrlTarget("http://127.0.0.1:9/")
    with run_receiver(tmp_path, targets=[target]) as receiver:
        receiver.send(event_body())
        token = re.findall('name="csrf_token" value="([^"]+)"', fetch(receiver, "/_inspect/1")[1])[
            0
        ]
        form = urlencode({"csrf_token": token})
        kind = "application/x-www-form-urlencoded"
        assert fetch(receiver, "/_inspect/1", "POST", "", Content_Type=kind)[0] == 403
        assert fetch(receiver, "/_inspect/1", "POST", "csrf_token=x", Content_Type=kind)[0] == 403
        foreign = {"Origin": "http://evil.example", "Content_Type": kind}
        assert fetch(receiver, "/_inspect/1", "POST", form, **foreign)[0] == 403
        own = {"Origin": f"http://127.0.0.1:{receiver.server.port}", "Content_Type": kind}
        before = len(receiver.store.history(limit=9)[0].forwards)
        assert fetch(receiver, "/_inspect/1", "POST", form, **own)[0] == 303
        assert len(receiver.store.history(limit=9)[0].forwards) == before + 1


@needs_browser
def test_browser_runs_no_injected_script(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body("comment.received", f"data.comment.message={HOSTILE}"))
        root = f"http://127.0.0.1:{receiver.server.port}/_inspect"
        listed = dump_dom(root, tmp_path / "profile")
        assert "<title>Webhooks</title>" in listed
        assert "comment.received" in listed
        detail = dump_dom(f"{root}/1", tmp_path / "profile")
        assert "<h2>Verification</h2>" in detail
        assert "<title>xss</title>" not in detail
