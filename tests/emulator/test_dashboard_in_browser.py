"""The dashboard in Chromium: what it shows, its actions, and attacks from other sites."""

import http.server
import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.browser import REBOUND_HOST, Browser, needs_browser
from tests.emulator.hostile import HOSTILE, insert_hostile_text

pytestmark = [needs_browser, pytest.mark.slow]

SECTIONS = (
    "Time", "Faults", "Account", "Calendar", "Posts", "Comments", "Media", "Webhooks", "Requests",
    "Audit",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def url(emulator: EmulatorServer) -> str:
    return f"http://127.0.0.1:{emulator.port}/"


@pytest.fixture
def other_site() -> Iterator[str]:
    """The address of a blank page of another origin."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), BlankPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class BlankPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def schedule(http: httpx.Client, platform: str = "facebook", **body: object) -> str:
    pages = http.get("/pages").json()["pages"]
    page = next(page["id"] for page in pages if page["platform"] == platform)
    defaults = {"page_id": page, "scheduled_at": "2026-11-23T15:00:00Z", "message": "Soon"}
    response = http.post("/posts/schedule", json=defaults | body)
    assert response.is_success, response.text
    return str(response.json()["scheduled_post"]["id"])


def card(post_id: str) -> str:
    return f"document.querySelector('[data-key=\"{post_id}\"]')"


def test_page_shows_each_section(browser: Browser, url: str, http: httpx.Client) -> None:
    media = ["https://example.com/dir/cat.jpg", "https://example.com/dir/dog.mp4"]
    text = "One\n\nTwo " + "long " * 200
    schedule(http, message=text, first_comment="First!", media_urls=media)
    webhook = {"url": "http://127.0.0.1:9/", "events": ["post.published"]}
    assert http.post("/webhooks", json=webhook).is_success
    tab = browser.open(url)
    for name in SECTIONS:
        assert tab.text(f"#{name.lower()} h2") == name
        assert tab.evaluate(f"document.querySelector('nav [href=\"#{name.lower()}\"]') !== null")
    assert "60 requests per minute" in tab.text("#account")
    assert "emulator active" in " ".join(tab.text("#account").split())
    assert tab.evaluate("document.querySelectorAll('#account meter').length") == 5
    assert "1 scheduled" in tab.text("#calendar .today")
    assert "UTC" in tab.text("#calendar caption")
    post = tab.text("#posts .facebook")
    for text in ("Acme Official", "One\n\nTwo long", "more", "Photo: cat.jpg", "Video: dog.mp4",
                 "First!"):  # fmt: skip
        assert text in post
    assert "Love this! When can we visit?" in tab.text("#comments")
    assert "http://127.0.0.1:9/" in tab.text("#webhooks")
    assert "/api/v1/webhooks" in tab.text("#requests")
    assert "/api/v1/webhooks" in tab.text("#audit")


def test_advancing_publishes(browser: Browser, url: str, http: httpx.Client) -> None:
    post = schedule(http)
    webhook = {"url": "http://127.0.0.1:9/", "events": ["post.published"]}
    assert http.post("/webhooks", json=webhook).is_success
    tab = browser.open(url)
    navigations = len(browser.navigations)
    tab.click("Advance to the next post, 2026-11-23 15:00:00")
    tab.wait(f"{card(post)}?.textContent.includes('0 likes')")
    assert tab.text("#now") == "2026-11-23 15:00:00"
    said = "published 1, failed 0, delivered 1"
    tab.wait(f"document.getElementById('message').textContent.includes('{said}')")
    assert "refused" in tab.text("#webhooks [data-label=Attempts]")
    tab.click("Advance 1 h")
    tab.wait("document.getElementById('now').textContent === '2026-11-23 16:00:00'")
    assert len(browser.navigations) == navigations


def test_changes_of_others_appear(browser: Browser, url: str, http: httpx.Client) -> None:
    tab = browser.open(url)
    post = schedule(http, message="From elsewhere")
    tab.wait(f"{card(post)}?.textContent.includes('From elsewhere')")
    assert tab.text("#updates") == "Updated: account, calendar, posts."
    tab.click("Freeze")
    tab.wait("document.querySelector('.clock .chip')?.textContent === 'frozen'")
    tab.click("Unfreeze")
    tab.wait("!document.querySelector('.clock .chip')")


def test_hidden_page_does_not_poll(browser: Browser, url: str) -> None:
    tab = browser.open(url)
    # Without the pauses between polls.
    tab.evaluate(
        "polls = 0; wait = setTimeout; window.setTimeout = (callback, ...rest) => "
        "{ polls += 1; return wait(callback, 0) }; "
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true})"
    )
    tab.wait("polls > 3")
    requests = len(browser.requests)
    tab.wait("polls > 100")
    assert len(browser.requests) == requests
    tab.evaluate("delete document.hidden; seen = polls")
    tab.wait("polls > seen + 3")
    assert len(browser.requests) > requests


def test_updates_keep_focus_text_and_scroll_position(
    browser: Browser, url: str, http: httpx.Client
) -> None:
    tab = browser.open(url)
    tab.click("Add a comment", "#posts .instagram")
    tab.evaluate(
        "field = document.querySelector('#posts .instagram [name=message]'); field.focus(); "
        "field.value = 'Half'; "
        "scrollTo({top: 900, behavior: 'instant'})"
    )
    top = tab.evaluate("field.getBoundingClientRect().top")
    assert http.post("/posts/publish", json={
        "page_id": http.get("/pages").json()["pages"][0]["id"], "message": "New"
    }).is_success  # fmt: skip
    tab.wait("document.querySelector('#posts').textContent.includes('New')")
    assert tab.evaluate("document.activeElement === field && field.isConnected")
    assert tab.evaluate("field.value") == "Half"
    assert tab.evaluate("field.closest('details').open") is True
    assert abs(tab.evaluate("field.getBoundingClientRect().top") - top) < 2


def test_comment_added_on_the_page_is_shown_and_counted(browser: Browser, url: str) -> None:
    tab = browser.open(url)
    tab.click("Add a comment", "#posts .twitter")
    tab.evaluate("document.querySelector('#posts .twitter [name=message]').value = 'Nice beans'")
    tab.click("Add the comment", "#posts .twitter")
    tab.wait("document.querySelector('#comments').textContent.includes('Nice beans')")
    assert "1 comment" in tab.text("#posts .twitter .counts")


def test_fault_added_by_the_form_hits_and_can_be_cleared(
    browser: Browser, url: str, http: httpx.Client
) -> None:
    tab = browser.open(url)
    fields = {"kind": "status", "number": "503", "method": "GET", "path": "/brands", "times": "1"}
    for name, value in fields.items():
        tab.evaluate(f"document.querySelector('#faults [name={name}]').value = '{value}'")
    tab.click("Add the fault")
    tab.wait("document.querySelector('#faults .rows')?.textContent.includes('status:503')")
    assert http.get("/brands").status_code == 503
    assert http.get("/brands").status_code == 200
    tab.wait("document.querySelector('#faults .rows').textContent.includes('1 hit of 1')")
    tab.click("Clear fault 1")
    tab.wait("!document.querySelector('#faults .rows')")
    # Its button is gone, so the focus is on the heading.
    tab.wait("document.activeElement.id === 'faults-title'")
    tab.evaluate("document.querySelector('#faults [name=kind]').value = 'delay'")
    tab.click("Add the fault")
    tab.wait("document.getElementById('message').textContent.includes('requires a number')")


def test_each_token_action_changes_the_status_of_the_token(
    browser: Browser, url: str, emulator: EmulatorServer, http: httpx.Client
) -> None:
    created = emulator.handle.request("token", name="ci", collaborator="u_7", brands=["Acme Co."])
    row = f"#account [data-key='{created['id']}']"
    headers = {"X-API-Key": created["token"]}
    tab = browser.open(url)
    for label, status, code in (
        ("Downgrade the collaborator", "downgraded", "COLLABORATOR_INSUFFICIENT"),
        ("Restore the collaborator", "active", None),
        ("Expire now", "expired", "TOKEN_EXPIRED"),
        ("Remove the expiry", "active", None),
        ("Revoke", "revoked", "TOKEN_REVOKED"),
    ):
        tab.click(label, row)
        tab.wait(f"document.querySelector(\"{row} .chip\").textContent === '{status}'")
        response = httpx.get(
            f"{emulator.base_url}/brands",
            headers=headers,
            trust_env=False,
            verify=False,
            timeout=60,
        )
        assert response.json().get("code") == code
    assert response.status_code == 401
    assert tab.evaluate(f'document.querySelector("{row} button")') is None


def test_addresses_and_brands_set_on_the_page_restrict_the_token(
    browser: Browser, url: str, emulator: EmulatorServer, http: httpx.Client
) -> None:
    tab = browser.open(url)
    tab.evaluate("document.querySelector('#account [name=ip_allowlist]').value = '10.0.0.0/8, ::2'")
    tab.click("Set the addresses")
    tab.wait("document.querySelector('#account').textContent.includes('from 10.0.0.0/8, ::2')")
    assert http.get("/brands").json()["code"] == "IP_NOT_ALLOWED"
    tab.evaluate("document.querySelector('#account [name=ip_allowlist]').value = ''")
    tab.click("Set the addresses")
    tab.wait("document.querySelector('#account').textContent.includes('from any address')")
    tab.evaluate("document.querySelector('#account [name=brands]').click()")
    tab.click("Set the brands")
    tab.wait("document.querySelector('#account .facts').textContent.includes('Acme Co.')")
    assert [brand["name"] for brand in http.get("/brands").json()["brands"]] == ["Acme Co."]
    assert tab.evaluate("document.querySelector('#account [name=brands]').checked") is True


def test_new_secret_is_shown_once(
    browser: Browser, url: str, emulator: EmulatorServer, http: httpx.Client
) -> None:
    http.post("/webhooks", json={"url": "http://127.0.0.1:9/", "events": ["post.published"]})
    with emulator.state.transaction() as db:
        db.execute("UPDATE hooks SET disabled_at = 1")
    tab = browser.open(url)
    tab.click("Enable")
    tab.wait("document.querySelector('#webhooks .chip').textContent === 'active'")
    for label, table in (("Rotate the secret", "hooks"), ("Rotate", "tokens")):
        tab.click(label, f"#{'webhooks' if table == 'hooks' else 'account'}")
        tab.wait("document.querySelector('dialog').open")
        secret = emulator.state.connection.execute(f"SELECT secret FROM {table}").fetchone()[0]  # noqa: S608
        assert tab.text("dialog output") == secret
        assert tab.evaluate("document.activeElement.closest('dialog') !== null")
        tab.click("Done", "dialog")
        tab.wait("!document.querySelector('dialog output').textContent")
        assert secret not in tab.evaluate("document.documentElement.outerHTML")
        tab.navigate(url)
        assert secret not in tab.evaluate("document.documentElement.outerHTML")
    assert http.get("/brands").status_code == 401


def test_hostile_text_is_inert(browser: Browser, url: str, emulator: EmulatorServer) -> None:
    insert_hostile_text(emulator)
    requests, messages = len(browser.requests), len(browser.messages)
    tab = browser.open(url)
    # The script replaces sections, too.
    emulator.handle.request("comment", post_id=emulator.state.connection.execute(
        "SELECT id FROM posts WHERE status = 'published'").fetchone()[0],
        message="Later " + HOSTILE, name="J")  # fmt: skip
    tab.wait("document.querySelector('#comments').textContent.includes('Later <script>')")
    assert tab.evaluate("document.title") == "OutReply emulator"
    assert tab.evaluate("document.querySelectorAll('img, main script, [onfocus]').length") == 0
    assert tab.text("#account h3") == HOSTILE
    assert browser.messages[messages:] == []
    assert {request.partition("?")[0] for request in browser.requests[requests:]} == {
        url, f"{url}_page/fragment"
    }  # fmt: skip


def test_no_external_request(browser: Browser, url: str, http: httpx.Client) -> None:
    schedule(http, "instagram", media_urls=["https://example.com/a.jpg"], link="https://x.example/")
    requests = len(browser.requests)
    tab = browser.open(url)
    tab.click("Advance 1 day")
    tab.wait("document.getElementById('now').textContent.startsWith('2026-11-24')")
    assert all(request.startswith(url) for request in browser.requests[requests:])


def test_page_without_scripts_is_readable_and_has_no_buttons(browser: Browser, url: str) -> None:
    tab = browser.open(url, scripts=False)
    for name in SECTIONS:
        assert tab.text(f"#{name.lower()} h2") == name
    assert tab.evaluate("document.querySelector('noscript').checkVisibility()")
    assert "Scripts are off" in tab.text("noscript")
    assert "Fresh beans" in tab.text("#posts")
    assert tab.evaluate("[...document.querySelectorAll('main button')].every("
                        "(button) => !button.checkVisibility())")  # fmt: skip


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_page_fits_its_width_and_labels_every_field(
    browser: Browser, url: str, http: httpx.Client, width: int, dark: bool
) -> None:
    schedule(http, message="x" * 600, media_urls=["https://example.com/" + "a" * 300 + ".jpg"])
    tab = browser.open(url, width=width, dark=dark)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    color = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert color == ("rgb(18, 22, 27)" if dark else "rgb(246, 247, 249)")
    unlabeled = tab.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]), select')]"
        ".filter((field) => !field.labels.length).length"
    )
    assert unlabeled == 0


def test_page_can_be_used_by_keyboard(browser: Browser, url: str) -> None:
    tab = browser.open(url)
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.evaluate("document.querySelector('#time button').focus()")
    tab.press("Enter")
    tab.wait("document.getElementById('now').textContent === '2026-11-23 12:10:00'")
    assert tab.evaluate("document.activeElement.textContent") == "Advance 10 min"


def test_other_site_cannot_act_or_read(
    browser: Browser, url: str, emulator: EmulatorServer, other_site: str
) -> None:
    csrf_token = browser.open(url).evaluate("document.querySelector('main').dataset.csrfToken")
    tab = browser.open(other_site)
    sent = {"Content-Type": "application/json", "X-CSRF-Token": csrf_token}
    for options in ({"mode": "no-cors"}, {"mode": "cors"}, {"mode": "cors", "headers": sent}):
        body = {"method": "POST", "body": '{"seconds": 60}'}
        result = f"fetch('{url}_page/advance', {json.dumps(options | body)})"
        assert tab.evaluate(
            f"{result}.then((response) => response.text(), () => 'refused')"
        ) in {"", "refused"}  # fmt: skip
    for path in ("", "_page/fragment"):
        for mode in ("cors", "no-cors"):
            read = f"fetch('{url}{path}', {{mode: '{mode}'}})"
            assert tab.evaluate(
                f"{read}.then((response) => response.text(), () => 'refused')"
            ) in {"", "refused"}  # fmt: skip
    tab.evaluate(f"frame = document.body.appendChild(Object.assign("
                 f"document.createElement('iframe'), {{src: '{url}'}})); "
                 "new Promise((resolve) => frame.onload = resolve)")  # fmt: skip
    assert tab.evaluate("frame.contentDocument") is None
    assert any("frame-ancestors" in message for message in browser.messages)
    form = ("form = Object.assign(document.createElement('form'), {method: 'post', enctype: "
            f"'text/plain', action: '{url}_page/advance'}}); document.body.append(form); "
            "setTimeout(() => form.submit())")  # fmt: skip
    tab.evaluate(form)
    tab.wait("document.body.textContent.includes('ORIGIN_NOT_ALLOWED')")
    assert emulator.handle.request("status")["now"] == "2026-11-23T12:00:00.000Z"


def test_rebound_name_is_refused(browser: Browser, url: str) -> None:
    tab = browser.open(url.replace("127.0.0.1", REBOUND_HOST))
    assert "HOST_NOT_ALLOWED" in tab.text("body")
    response = "fetch('/_page/fragment').then((response) => response.text())"
    assert "HOST_NOT_ALLOWED" in tab.evaluate(response)


def test_page_of_an_earlier_run_is_refused(browser: Browser, url: str) -> None:
    tab = browser.open(url)
    tab.evaluate("document.querySelector('main').dataset.csrfToken = 'old'")
    tab.click("Advance 1 h")
    tab.wait("document.getElementById('message').textContent.includes('Reload the page')")
    assert tab.text("#now").startswith("2026-11-23 12:00")


def test_stopped_emulator_is_noticed(browser: Browser, url: str, emulator: EmulatorServer) -> None:
    tab = browser.open(url)
    emulator.stop()
    tab.wait("document.getElementById('message').textContent === 'The emulator does not respond.'")
