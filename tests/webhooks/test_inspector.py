"""The page below `/_inspect`: escaped, for this machine alone, its button safe from other pages."""

import http.client
import re
from pathlib import Path
from urllib.parse import urlencode

from outreply_cli.webhooks.forward import UrlTarget
from tests.browser import dom_of, needs_browser
from tests.webhooks.receiver_fixture import Setup, event_body, receiving

HOSTILE = "</pre><script>document.title='taken'</script><img src=x onerror=alert(1)>"


def ask(
    setup: Setup, path: str, method: str = "GET", body: str = "", **headers: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", setup.server.port)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_everything_on_it_is_escaped_and_no_secret_is_shown(tmp_path: Path) -> None:
    with receiving(tmp_path) as setup:
        setup.send(event_body("post.published", f"data.post.message={HOSTILE}"))
        headers = {"X-OutReply-Event": HOSTILE, "X-Other": HOSTILE, "Authorization": "Bearer t0k"}
        setup.send(HOSTILE.encode(), signature="sha256=" + "0" * 64, headers=headers)
        for path in ("/_inspect", "/_inspect/1", "/_inspect/2"):
            status, page = ask(setup, path)
            assert status == 200
            assert "<script" not in page
            assert "<img" not in page
            assert "whsec_" not in page
            assert "t0k" not in page
        assert "another secret signed it" in ask(setup, "/_inspect/2")[1]
        assert "signed with secret 1" in ask(setup, "/_inspect/1")[1]
        assert ask(setup, "/_inspect/99")[0] == 404


def test_a_tunnels_visitor_does_not_learn_that_it_is_there(tmp_path: Path) -> None:
    with receiving(tmp_path) as setup:
        assert ask(setup, "/_inspect", Host="abc.tunnel.example")[0] == 404
        assert ask(setup, "/_inspect", Host="localhost:99")[0] == 200
    with receiving(tmp_path, has_inspector=False) as setup:
        assert ask(setup, "/_inspect")[0] == 404


def test_the_button_needs_the_pages_own_proof_and_origin(tmp_path: Path) -> None:
    target = UrlTarget("http://127.0.0.1:9/")
    target.retries = ()
    with receiving(tmp_path, targets=[target]) as setup:
        setup.send(event_body())
        proof = re.findall('name="proof" value="([^"]+)"', ask(setup, "/_inspect/1")[1])[0]
        form = urlencode({"proof": proof})
        kind = "application/x-www-form-urlencoded"
        assert ask(setup, "/_inspect/1", "POST", "", Content_Type=kind)[0] == 403
        assert ask(setup, "/_inspect/1", "POST", "proof=x", Content_Type=kind)[0] == 403
        foreign = {"Origin": "http://evil.example", "Content_Type": kind}
        assert ask(setup, "/_inspect/1", "POST", form, **foreign)[0] == 403
        own = {"Origin": f"http://127.0.0.1:{setup.server.port}", "Content_Type": kind}
        before = len(setup.inbox.history(limit=9)[0]["forwards"])
        assert ask(setup, "/_inspect/1", "POST", form, **own)[0] == 303
        assert len(setup.inbox.history(limit=9)[0]["forwards"]) == before + 1


@needs_browser
def test_a_browser_shows_it_and_runs_nothing(tmp_path: Path) -> None:
    with receiving(tmp_path) as setup:
        setup.send(event_body("comment.received", f"data.comment.message={HOSTILE}"))
        root = f"http://127.0.0.1:{setup.server.port}/_inspect"
        listed = dom_of(root, tmp_path / "profile")
        assert "<title>Webhooks</title>" in listed
        assert "comment.received" in listed
        one = dom_of(f"{root}/1", tmp_path / "profile")
        assert "<h2>Verification</h2>" in one
        assert "<title>taken</title>" not in one
