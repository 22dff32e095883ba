"""The web page at `/_inspect`: contents, changes, local access only, escaping."""

import http.client
import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest

from outreply_cli.webhooks import sign
from outreply_cli.webhooks.forward import UrlTarget
from outreply_cli.webhooks.inspector import InspectorSettings
from outreply_cli.webhooks.receiver import ReceiverConfig
from outreply_cli.webhooks.server import LIMITS
from tests.browser import REBOUND_HOST, Browser, needs_browser
from tests.other_user import OTHER_USER, fetch_as, needs_other_user
from tests.webhooks.handler_server import HandlerServer, run_handler, wait_for
from tests.webhooks.receiver_fixture import SECRET, RunningReceiver, event_body, run_receiver

HOSTILE = "</pre><script>document.title='xss'</script><img src=x onerror=alert(1)>"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def fetch(
    receiver: RunningReceiver, path: str, method: str = "GET", body: str = "", **headers: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.server.port, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(connection):
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return response.status, response.read().decode()


def post(receiver: RunningReceiver, path: str, **form: str) -> tuple[int, str]:
    return fetch(receiver, path, "POST", urlencode(form), **FORM)


def test_pages_are_escaped_without_secrets(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body("post.published", f"data.post.message={HOSTILE}"))
        headers = {"X-OutReply-Event": HOSTILE, "X-Other": HOSTILE, "Authorization": "Bearer t0k"}
        receiver.send(HOSTILE.encode(), signature="sha256=" + "0" * 64, headers=headers)
        for path in ("", "/1", "/2", "/2?compare=1"):
            status, page = fetch(receiver, receiver.page(path))
            assert status == 200
            assert page.count("<script") == 1
            assert "<img" not in page
            assert "whsec_" not in page
            assert "t0k" not in page
        assert "signed with another secret" in fetch(receiver, receiver.page("/2"))[1]
        assert "signed with secret 1" in fetch(receiver, receiver.page("/1"))[1]
        for path in ("/99", "/x", "/1?compare=99"):
            assert fetch(receiver, receiver.page(path))[0] == 404


@pytest.mark.parametrize("path", ["", "/1", "/events"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "abc.tunnel.example"},
        {"X_Forwarded_For": "203.0.113.7"},
        {"CF_Connecting_IP": "203.0.113.7"},
        {"X_Real_IP": "203.0.113.7"},
        {"X_Forwarded_Proto": "https"},
        {"Via": "1.1 proxy"},
    ],
    ids=["host", "proxy", "cloudflared", "real-ip", "scheme", "via"],
)
def test_remote_client_gets_404(tmp_path: Path, path: str, headers: dict[str, str]) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body())
        assert fetch(receiver, receiver.page(path), **headers)[0] == 404
        assert fetch(receiver, receiver.page(), Host="localhost:99")[0] == 200


def wrong_roots(receiver: RunningReceiver) -> list[str]:
    root = receiver.page()
    return ["/_inspect", "/_inspect/", root[:-1], f"{root}x", quote(f"{root[:-1]}é")]


@pytest.mark.parametrize("path", ["", "/1", "/events", "?fragment=list"])
def test_raw_tunnel_gets_404_without_token(tmp_path: Path, path: str) -> None:
    """Nothing in a request through a TCP tunnel differs from one of this machine."""
    with run_receiver(tmp_path) as receiver, run_receiver(tmp_path / "other") as other:
        receiver.send(event_body())
        for root in [*wrong_roots(receiver), other.page()]:
            status, page = fetch(receiver, root + path, Host="localhost")
            assert status == 404
            assert "post.published" not in page
        assert "the URL that the receiver printed" in fetch(receiver, "/_inspect")[1]


def test_other_methods_and_paths_are_refused(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        for method in ("PUT", "DELETE", "OPTIONS"):
            assert fetch(receiver, receiver.page(), method)[0] == 405
        assert fetch(receiver, receiver.page("5"))[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "same-origin"},
        {"Origin": "http://rebound.example"},
        # All that a page can leave empty, but not out.
        {"Accept_Language": ""},
    ],
    ids=["fetch", "origin", "language"],
)
def test_metrics_are_hidden_from_rebound_name(tmp_path: Path, headers: dict[str, str]) -> None:
    with run_receiver(tmp_path) as receiver:
        rebound = {**headers, "Host": f"rebound.example:{receiver.server.port}"}
        assert fetch(receiver, "/metrics", **rebound)[0] == 404
        assert fetch(receiver, "/metrics", Host="prometheus.example")[0] == 200
        assert fetch(receiver, "/metrics", Host="node.example", Accept_Language="*")[0] == 200
        assert fetch(receiver, "/metrics", **headers)[0] == 200
        assert fetch(receiver, "/metrics", **{**headers, "Host": "192.0.2.7:8484"})[0] == 200


@needs_browser
def test_rebound_page_cannot_read_metrics(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver, Browser(tmp_path / "browser") as browser:
        tab = browser.open(f"http://{REBOUND_HOST}:{receiver.server.port}/")
        options = "{referrerPolicy: 'no-referrer', headers: {'Accept-Language': ''}}"
        status = "fetch('/metrics', %s).then((response) => response.status)"
        assert tab.evaluate(status % options) == 404


def test_page_can_be_disabled(tmp_path: Path) -> None:
    with run_receiver(tmp_path, inspector=None) as receiver:
        for path in ("/_inspect", "/_inspect/events"):
            assert fetch(receiver, path)[0] == 404


def test_changes_require_token_and_same_origin(tmp_path: Path) -> None:
    target = UrlTarget("http://127.0.0.1:9/")
    with run_receiver(tmp_path, targets=[target]) as receiver:
        receiver.send(event_body())
        form = urlencode({"operation": "forward", "to": target.name})
        before = len(receiver.store.forwards(1))
        for path in ("/1", "/queue"):
            for root in wrong_roots(receiver):
                assert fetch(receiver, root + path, "POST", form, **FORM)[0] == 404
            foreign = {"Origin": "http://evil.example", **FORM}
            assert fetch(receiver, receiver.page(path), "POST", form, **foreign)[0] == 403
        assert len(receiver.store.forwards(1)) == before
        own = {"Origin": f"http://127.0.0.1:{receiver.server.port}", **FORM}
        assert fetch(receiver, receiver.page("/1"), "POST", form, **own)[0] == 303
        assert len(receiver.store.forwards(1)) == before + 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"operation": "delete"}, "Unknown operation"),
        ({"operation": "forward", "to": "http://8.8.8.8/"}, "does not forward to that target"),
        ({"operation": "send", "to": "http://8.8.8.8/"}, "refusing to send"),
        ({"operation": "send", "to": ""}, "not an http or https URL"),
    ],
)
def test_invalid_change_is_rejected(tmp_path: Path, words: dict[str, str], text: str) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body())
        status, page = post(receiver, receiver.page("/1"), **words)
        assert status == 400
        assert text in page
        assert receiver.store.attempts(1) == []


def test_edited_delivery_cannot_be_signed_without_a_secret(tmp_path: Path) -> None:
    with run_handler() as app, run_receiver(tmp_path, ReceiverConfig([])) as receiver:
        receiver.send(event_body(), signature=None)
        form = {"operation": "send", "to": app.url}
        status, page = post(receiver, receiver.page("/1"), **form, body="{}")
        assert (status, app.requests) == (400, [])
        assert "this receiver has no secret" in page


def test_invalid_delivery_cannot_be_forwarded(tmp_path: Path) -> None:
    target = UrlTarget("http://127.0.0.1:9/")
    with run_receiver(tmp_path, targets=[target]) as receiver:
        receiver.send(event_body(), signature=None)
        form = {"operation": "forward", "to": target.name}
        status, page = post(receiver, receiver.page("/1"), **form)
        assert (status, receiver.store.queue()) == (400, [])
        assert "an invalid delivery cannot be forwarded" in page


def test_search_and_filters_select_deliveries(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body("post.published", "data.post.message=Needle"))
        receiver.send(event_body("comment.received"))
        receiver.send(b"nonsense", signature="sha256=" + "0" * 64)

        def rows(**query: str) -> list[str]:
            page = fetch(receiver, receiver.page(f"?{urlencode(query)}"))[1]
            return re.findall(r'data-number="(\d+)"', page)

        assert rows() == ["3", "2", "1"]
        assert rows(q="needle") == ["1"]
        assert rows(q="data.post.platform=instagram") == ["1"]
        assert rows(q="event!=comment.*") == ["1"]
        assert rows(event="comment.received") == ["2"]
        assert rows(show="invalid") == ["3"]
        assert rows(show="failed") == []
        assert rows(limit="2") == ["3", "2"]
        assert "Show more" in fetch(receiver, receiver.page("?limit=2"))[1]
        assert "unknown event" in fetch(receiver, receiver.page("?q=event=post.nope"))[1]


def test_times_are_local(tmp_path: Path) -> None:
    settings = InspectorSettings(ZoneInfo("Asia/Kathmandu"))
    with run_receiver(tmp_path, inspector=settings) as receiver:
        receiver.send(event_body())
        page = fetch(receiver, receiver.page("/1"))[1]
        assert re.search(r"\d\d:\d\d:\d\d \+0545 \(.* UTC\)", page)


def test_nginx_without_settings_gets_404(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        netloc = f"127.0.0.1:{receiver.server.port}"
        for path in (receiver.page(), receiver.page("/events"), "/metrics"):
            head = f"GET {path} HTTP/1.0\r\nHost: {netloc}\r\nConnection: close\r\n\r\n"
            assert receiver.send_raw(head.encode()).startswith(b"HTTP/1.1 404 ")


def test_replay_shows_the_response_of_the_handler(tmp_path: Path) -> None:
    with run_handler() as app, run_receiver(tmp_path) as receiver:
        app.response_body = b'{"note": "from the handler"}'
        body = event_body()
        receiver.send(body, headers={"X-OutReply-Event": "post.published"})
        assert post(receiver, receiver.page("/1"), operation="send", to=app.url)[0] == 303
        assert app.requests[0][1] == body
        page = fetch(receiver, receiver.page("/1"))[1]
        assert "from the handler" in page
        assert app.url.replace("&", "&amp;") in page


def test_partly_stored_delivery_is_not_sent(tmp_path: Path) -> None:
    with run_handler() as app, run_receiver(tmp_path) as receiver:
        receiver.send(b" " * 70_000, signature="sha256=" + "0" * 64)
        form = {"operation": "send", "to": app.url}
        _, page = post(receiver, receiver.page("/1"), **form)
        assert "only the start of its body is stored" in page
        assert app.requests == []
        assert post(receiver, receiver.page("/1"), **form, body="{}")[0] == 303
        assert len(app.requests) == 1


def test_health_is_reported_while_replays_wait(tmp_path: Path) -> None:
    with run_handler() as app, run_receiver(tmp_path) as receiver:
        app.gate = threading.Event()
        receiver.send(event_body())
        body = urlencode({"operation": "send", "to": app.url})
        replays = [
            threading.Thread(target=fetch, args=(receiver, receiver.page("/1"), "POST", body))
            for _ in range(LIMITS.threads)
        ]
        for thread in replays:
            thread.start()
        wait_for(lambda: len(app.requests) == len(replays))
        assert fetch(receiver, "/healthz")[0] == 200
        assert all(thread.is_alive() for thread in replays)
        app.gate.set()
        for thread in replays:
            thread.join()


def test_edited_delivery_is_signed_again(tmp_path: Path) -> None:
    with run_handler() as app, run_receiver(tmp_path) as receiver:
        receiver.send(event_body())
        edited = '{"event": "post.published",\r\n"data": {"edited": "ü"}}'
        assert (
            post(receiver, receiver.page("/1"), operation="send", to=app.url, body=edited)[0] == 303
        )
        ((headers, body),) = app.requests
        assert body == edited.replace("\r\n", "\n").encode()
        assert headers["x-outreply-signature"] == sign(body, SECRET)
        (attempt,) = receiver.store.attempts(1)
        assert attempt.result.status == 200


def test_queue_is_changed_from_the_page(tmp_path: Path) -> None:
    with run_handler() as app:
        app.refuses = lambda _body: True
        with run_receiver(tmp_path, targets=[UrlTarget(app.url)]) as receiver:
            for _ in range(3):
                receiver.send(event_body())
            wait_for(lambda: bool(receiver.forwarded))
            page = fetch(receiver, receiver.page("?show=queue"))[1]
            numbers = re.findall('name="number" value="([^"]+)"', page)
            assert len(numbers) == 6
            words = {"target": app.url, "number": numbers[0]}
            assert post(receiver, receiver.page("/queue"), operation="skip", **words)[0] == 303
            assert len(receiver.store.queue()) == 2
            assert post(receiver, receiver.page("/queue"), operation="nope", **words)[0] == 400
            assert (
                post(receiver, receiver.page("/queue"), operation="clear", target=app.url)[0] == 303
            )
            assert receiver.store.queue() == []


def test_curl_command_sends_the_same_delivery(tmp_path: Path) -> None:
    bodies = [
        event_body("post.published", "data.post.message=it's $HOME `x` \\"),
        b'{"event": "post.published", "data": {}}\n',
        b'{"event": "post.published", "data": {"x": "\xc2\x85"}}',
    ]
    with run_handler() as app, run_receiver(tmp_path) as receiver:
        for number, body in enumerate(bodies, 1):
            receiver.send(body, headers={"Content-Type": "application/json"})
            page = fetch(receiver, receiver.page(f"/{number}"))[1]
            (shown,) = re.findall(r'id="curl".*?<pre>(.*?)</pre>', page, re.DOTALL)
            command = unescape(shown).replace("http://localhost:3000/", app.url)
            subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=30)
            headers, received = app.requests[-1]
            assert received == body
            assert headers["content-type"] == "application/json"
            assert headers["x-outreply-signature"] == sign(body, SECRET)


def test_fixture_is_the_same_delivery(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        body = event_body("post.published", "data.post.message=  'quoted' \"too\"")
        receiver.send(body)
        page = fetch(receiver, receiver.page("/1"))[1]
        (shown,) = re.findall(r'id="fixture".*?<pre>(.*?)</pre>', page, re.DOTALL)
        values: dict[str, Any] = {}
        exec(unescape(shown), values)  # noqa: S102 - the fixture itself
        assert values["BODY"] == body
        assert values["HEADERS"]["X-OutReply-Signature"] == sign(body, SECRET)


def unescape(text: str) -> str:
    import html

    return html.unescape(text)


def test_deeply_nested_body_is_shown_raw(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        for depth in (10, 300, 900):
            nested = '{"a": ' * depth + "1" + "}" * depth
            body = f'{{"event": "post.published", "data": {nested}}}'.encode()
            assert receiver.send(body)[0] == 200
        pages = [fetch(receiver, receiver.page(f"/{number}")) for number in (1, 2, 3)]
        assert [status for status, _ in pages] == [200] * 3
        assert ['class="tree"' in page for _, page in pages] == [True, False, False]


@pytest.mark.parametrize("limit", ["0", "-1", "9" * 5_000, "x", "\u0663"])
def test_any_limit_is_accepted(tmp_path: Path, limit: str) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body())
        status, page = fetch(receiver, receiver.page(f"?{urlencode({'limit': limit})}"))
        assert status == 200
        assert "post.published" in page


def test_difference_shows_added_and_removed_lines(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body("post.published", "data.post.message=One"))
        receiver.send(event_body("post.published", "data.post.message=Two"))
        page = fetch(receiver, receiver.page("/2?compare=1"))[1]
        lines = re.findall(r'<span class="(added|removed)">(.*?)</span>', page)
        texts = {(kind, unescape(line)[1:].strip()) for kind, line in lines}
        assert ("removed", '"message": "One",') in texts
        assert ("added", '"message": "Two",') in texts
        same = fetch(receiver, receiver.page("/2?compare=2"))[1]
        assert "No differences." in same


def test_stream_reports_changes(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body())
        connection = http.client.HTTPConnection("127.0.0.1", receiver.server.port, timeout=30)
        with closing(connection):
            connection.request("GET", receiver.page("/events"))
            response = connection.getresponse()
            assert response.getheader("Content-Type") == "text/event-stream; charset=utf-8"
            events = read_events(response)
            assert next(events) == ("change", "1")
            receiver.send(event_body())
            assert next(events) == ("change", "2")
            # Another process has changed the store.
            with closing(type(receiver.store)(receiver.store._path)) as other:
                other.requeue(other.find("1"), "http://127.0.0.1:9/", 0.0)
            assert next(events) == ("change", "2")


def read_events(response: http.client.HTTPResponse) -> Iterator[tuple[str, str]]:
    event = ""
    while line := response.readline().decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, value
            response.readline()


def test_streams_leave_connections_for_deliveries(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver, ExitStack() as stack:
        request = f"GET {receiver.page('/events')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        responses = []
        for _ in range(60):
            address = ("127.0.0.1", receiver.server.port)
            client = stack.enter_context(socket.create_connection(address, 30))
            client.sendall(request)
            responses.append(client.recv(12))
        assert responses == [b"HTTP/1.1 200"] * 50 + [b"HTTP/1.1 503"] * 10
        assert receiver.send(event_body())[0] == 200


def test_open_stream_does_not_delay_shutdown(tmp_path: Path) -> None:
    with run_receiver(tmp_path) as receiver:
        connection = http.client.HTTPConnection("127.0.0.1", receiver.server.port, timeout=30)
        connection.request("GET", receiver.page("/events"))
        response = connection.getresponse()
    assert response.read() in {b"", b"event: change\ndata: 0\n\n"}
    connection.close()


@pytest.fixture(scope="module")
def running_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(running_browser: Browser) -> Browser:
    """A browser that has noted nothing yet."""
    running_browser.requests.clear()
    running_browser.messages.clear()
    running_browser.navigations.clear()
    return running_browser


@contextmanager
def run_page(tmp_path: Path) -> Iterator[tuple[RunningReceiver, HandlerServer, str]]:
    with run_handler() as app:
        target = UrlTarget(app.url)
        with run_receiver(tmp_path, targets=[target]) as receiver:
            yield receiver, app, str(receiver.server.inspector_url)


@needs_browser
def test_browser_runs_no_injected_script(browser: Browser, tmp_path: Path) -> None:
    with run_page(tmp_path) as (receiver, _, root):
        receiver.send(event_body("comment.received", f"data.comment.message={HOSTILE}"))
        tab = browser.open(f"{root}/1")
        tab.wait("document.getElementById('live').textContent === 'Live'")
        assert "onerror" in tab.text("#delivery")
        assert tab.evaluate("document.title") == "comment.received - Webhooks"
        assert browser.messages == []
        assert {url.partition("?")[0] for url in browser.requests} <= {
            root, f"{root}/1", f"{root}/events",
        }  # fmt: skip


@needs_browser
def test_page_updates_and_handles_keys(browser: Browser, tmp_path: Path) -> None:
    with run_page(tmp_path) as (receiver, app, root):
        app.response_body = b"first answer"
        tab = browser.open(root)
        tab.wait("document.getElementById('live').textContent === 'Live'")
        receiver.send(event_body())
        tab.wait("document.querySelectorAll('#list a[data-number]').length === 1")
        receiver.send(event_body("post.failed"))
        tab.wait("document.querySelectorAll('#list a[data-number]').length === 2")
        tab.press("j")
        tab.wait("document.querySelector('article')?.dataset.number === '2'")
        tab.wait("document.querySelector('#delivery').textContent.includes('first answer')")
        tab.press("j")
        tab.wait("document.querySelector('article')?.dataset.number === '1'")
        assert tab.evaluate("location.pathname") == receiver.page("/1")
        requests = len(app.requests)
        tab.press("r")
        wait_for(lambda: len(app.requests) == requests + 1)
        tab.wait("document.querySelectorAll('.timeline > li').length === 2")
        tab.press("e")
        tab.wait("document.activeElement.name === 'body'")
        tab.evaluate('document.activeElement.value = \'{"event": "post.published"}\'')
        tab.click("Sign and send", within="#edit")
        wait_for(lambda: app.requests[-1][1] == b'{"event": "post.published"}')
        tab.wait("document.querySelectorAll('.timeline > li').length === 3")
        tab.press("Escape")
        tab.press("Escape")
        tab.wait(f"location.pathname === '{receiver.page()}'")
        tab.evaluate("document.querySelector('[name=q]').value = 'event=post.failed'")
        tab.click("Search", within="#search")
        tab.wait("document.querySelectorAll('#list a[data-number]').length === 1")
        assert browser.messages == []


@needs_browser
def test_page_works_without_scripts(browser: Browser, tmp_path: Path) -> None:
    with run_page(tmp_path) as (receiver, app, root):
        receiver.send(event_body())
        wait_for(lambda: len(app.requests) == 1)
        tab = browser.open(f"{root}?q=post", scripts=False)
        assert receiver.page("/1?q=post") in json.dumps(tab.links())
        tab = browser.open(f"{root}/1", scripts=False)
        tab.submit(".forward")
        wait_for(lambda: len(app.requests) == 2)


@needs_browser
def test_page_fits_the_window(browser: Browser, tmp_path: Path) -> None:
    overflowing = (
        "[...document.querySelectorAll('main *, header *')].filter((element) => "
        "element.getBoundingClientRect().right > innerWidth + 1).length"
    )
    with run_page(tmp_path) as (receiver, _, root):
        receiver.send(event_body("post.published", f"data.post.message={'x' * 500}"))
        for path, width, dark in product(("", "/1", "?show=queue"), (390, 1400), (False, True)):
            tab = browser.open(root + path, width=width, dark=dark)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert tab.evaluate(overflowing) == 0
            background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (background == "rgb(18, 22, 27)") is dark


def own_addresses() -> list[str]:
    """Addresses of this machine that are not 127.0.0.1, and its name."""
    found = ["127.0.0.1", "localhost", "127.0.0.2", socket.gethostname()]
    for address in ("192.0.2.1", "2001:db8::1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe, suppress(OSError):
            # Sends nothing; the system chooses the address that it would send from.
            probe.connect((address, 9))
            found.append(probe.getsockname()[0])
    return found


@pytest.mark.parametrize("host", dict.fromkeys(own_addresses()))
def test_printed_address_shows_the_page(tmp_path: Path, host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        pytest.skip(f"this machine does not know its name {host}")
    with run_receiver(tmp_path, host=host) as receiver:
        url = urlsplit(str(receiver.server.inspector_url))

        def request(method: str, path: str, **headers: str) -> int:
            with closing(http.client.HTTPConnection(host, url.port, timeout=10)) as connection:
                connection.request(method, path, headers={"Host": url.netloc, **headers})
                return connection.getresponse().status

        origin = f"http://{url.netloc}"
        assert request("GET", url.path) == 200
        assert request("POST", f"{url.path}/queue", Origin=origin) == 400
        assert request("POST", f"{url.path}/queue", Origin=f"http://203.0.113.5:{url.port}") == 403
        assert request("GET", url.path, Host=f"203.0.113.5:{url.port}") == 404
        assert request("GET", url.path, Host=f"rebound.example:{url.port}") == 404
        assert request("GET", url.path, Via="1.1 tunnel") == 404


@needs_other_user
@pytest.mark.parametrize("closed", [0, 6])
def test_other_user_gets_no_page(tmp_path: Path, closed: int) -> None:
    with run_receiver(tmp_path) as receiver:
        receiver.send(event_body("post.published"))
        for path in (receiver.page(), receiver.page("/1")):
            pages = [
                fetch_as(user, "127.0.0.1", receiver.server.port, path, closed=closed)
                for user in (0, OTHER_USER)
            ]
            assert "post.published" in pages[0]
            assert "post.published" not in pages[1]
