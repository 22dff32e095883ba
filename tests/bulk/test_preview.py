"""`bulk preview` and `posts preview`: how posts will look, and their approval in a browser."""

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from outreply_cli.api.client import Client
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.feeds import FEEDS, cut_text
from tests.browser import Browser, Tab, needs_browser
from tests.bulk.preview_calendar import COUNT, draw_picture, write_preview_calendar
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.scripted_server import ScriptedServer, response

HOSTILE = "</article><script>alert(1)</script>\u202e{{ 7*7 }}"


@pytest.fixture
def launch(tmp_path: Path, emulator_clock: ManualClock) -> Path:
    directory = tmp_path / "launch"
    directory.mkdir()
    first = (emulator_clock.now() + timedelta(days=2)).replace(hour=8)
    return write_preview_calendar(directory, first)


def write_page(cli: CommandLine, calendar: Path) -> Path:
    page = calendar.with_suffix(".html")
    ran = cli.run("bulk", "preview", str(calendar), "--html", str(page))
    assert ran.code == 0, ran.err
    assert ran.out == ""
    return page


@contextmanager
def open_page(page: Path, tmp_path: Path, **options: object) -> Iterator[tuple[Browser, Tab]]:
    with Browser(tmp_path / "profile") as browser:
        yield browser, browser.open(page.as_uri(), **options)  # type: ignore[arg-type]


def test_page_is_self_contained(cli_logged_out: CommandLine, launch: Path) -> None:
    document = write_page(cli_logged_out, launch).read_text()
    assert document.count("<article ") == COUNT
    assert len(document) < 3_000_000
    sources = re.findall(r'(?:src|srcset|action|data)="([^"]{0,40})', document)
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "default-src 'none'" in document
    assert "url(" not in document
    assert str(launch.parent) not in document
    for text in ("November 2026", "December 2026", "of 2,200 characters",
                 "First comment", "www.example.com", "07:00 UTC", "privacy_level"):  # fmt: skip
        assert text in document, text


def test_untrusted_text_is_escaped(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    row = {
        "key": HOSTILE, "page": f"facebook:{HOSTILE}", "scheduled_at": "2026-12-01 09:00",
        "message": HOSTILE, "first_comment": HOSTILE, "link": f"javascript:{HOSTILE}",
        "media_urls": ["https://example.com/</b><script>alert(1)</script>.jpg"],
    }  # fmt: skip
    path.write_text(json.dumps({"name": HOSTILE, "posts": [row]}))
    ran = cli_logged_out.run("bulk", "preview", str(path), "--html", "-")
    assert ran.code == 0, ran.err
    assert "<script>alert" not in ran.out
    assert "<li>https://example.com/&lt;/b&gt;&lt;script&gt;alert(1)" in ran.out
    assert "\u202e" not in ran.out
    assert 'href="javascript' not in ran.out
    assert "{{ 7*7 }}" in ran.out
    shown = cli_logged_out.run("bulk", "preview", str(path))
    assert "\u202e" not in shown.out


def test_addresses_are_not_fetched(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with ScriptedServer([response(200, None, b"x")]) as server:
        path.write_text(
            "page,scheduled_at,media_urls,link\n"
            f"facebook:acme,2026-12-01 09:00,https://example.com/a.jpg,{server.url}\n"
        )
        assert cli_logged_out.run("bulk", "preview", str(path), "--html", "-").code == 0
        assert server.received == []


def test_secret_is_refused(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    secret = "outreply_live_" + "s" * 36
    path.write_text(f"page,scheduled_at,message\nfacebook:acme,2026-12-01 09:00,{secret}\n")
    page = tmp_path / "x.html"
    ran = cli_logged_out.run("bulk", "preview", str(path), "--html", str(page))
    assert ran.code == 2
    assert secret not in ran.out + ran.err
    assert not page.exists()


def test_account_gives_names_and_the_same_hashes(cli: CommandLine, launch: Path) -> None:
    online = json.loads(cli.run("bulk", "preview", str(launch), "--json").out)
    anyone = CommandLine(cli.home.with_name("anyone"), cli.clock)
    offline = json.loads(anyone.run("bulk", "preview", str(launch), "--json").out)
    assert [item["hash"] for item in online] == [item["hash"] for item in offline]
    assert [item["row"] for item in online] == [item["row"] for item in offline]
    assert {item["page_name"] for item in offline} != {item["page_name"] for item in online}
    assert "Acme Official" in {item["page_name"] for item in online}


def test_errors_of_the_calendar_are_reported(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    path, page = tmp_path / "x.csv", tmp_path / "x.html"
    words = ("bulk", "preview", str(path), "--html", str(page))
    path.write_text(
        "page,scheduled_at,message,media_files\nfacebook:a,2026-12-01 09:00,Hi,no.jpg\n"
    )
    ran = cli_logged_out.run(*words)
    assert ran.code == 2
    assert "x.csv:2: media_files:" in ran.err
    path.write_text("page,scheduled_at,message\nfacebook:a,2026-11-01 09:00,Hi\n")
    ran = cli_logged_out.run(*words)
    assert "has no post to preview" in ran.err
    path.write_text("page,scheduled_at,timezone,message\nfacebook:a,2026-12-01 09:00,brand,Hi\n")
    ran = cli_logged_out.run(*words)
    assert "x.csv:2: timezone: is the time zone of the page's brand" in ran.err
    assert not page.exists()
    for target in (str(path), str(tmp_path), str(tmp_path / "none" / "x.html")):
        assert cli_logged_out.run("bulk", "preview", str(path), "--html", target).code == 2


def test_terminal_preview_shows_media_comment_and_problems(
    cli_logged_out: CommandLine, launch: Path
) -> None:
    ran = cli_logged_out.run("bulk", "preview", str(launch))
    assert ran.code == 0, ran.err
    start, *_ = ran.out.split("\n\n")
    assert start.splitlines()[0].endswith(f"Facebook  acme (facebook:acme)  {launch}:2")
    assert "  [picture-0.jpg: JPEG, 1,200 x 800," in start
    assert "  First comment:" in start
    assert " … more\n" in ran.out
    assert "Instagram requires at least 4:5" in ran.out


def test_post_preview_shows_each_platform_and_writes_html(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    picture, page = tmp_path / "hero.jpg", tmp_path / "post.html"
    draw_picture(picture, 1, (1200, 800))
    words = ("posts", "preview", "-m", "word " * 60, "--media", str(picture), "--html", str(page))
    ran = cli_logged_out.run(*words, "--platform", "instagram", "--platform", "x", "--terminal")
    assert ran.code == 0, ran.err
    assert [line for line in ran.out.splitlines() if not line.startswith(" ") and line] == [
        "Instagram", "X",
    ]  # fmt: skip
    assert "300 of 280 characters" in ran.out
    document = page.read_text()
    assert document.count("<article ") == 2
    assert "<script" not in document
    assert "script-src &#39;none&#39;" in document
    refused = cli_logged_out.run("posts", "preview", "--platform", "x")
    assert refused.code == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Short", "Short"),
        ("a" * 125, "a" * 125),
        ("word " * 40, ("word " * 25)[:-1]),
        ("one\ntwo\nthree\nfour", "one\ntwo"),
        ("x" * 124 + "👩\u200d🌾" + "y" * 50, "x" * 124),
        ("x" * 124 + "e\u0301" + "y" * 50, "x" * 124),
    ],
)
def test_text_is_cut_like_the_feed_without_splitting_a_character(text: str, shown: str) -> None:
    assert cut_text(text, FEEDS["instagram"]) == (shown, text[len(shown) :])


def test_small_picture_is_embedded_and_large_one_named_without_pillow(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    """A small picture is embedded as it is; a large one is a box with its name and size."""
    small, large = tmp_path / "small.jpg", tmp_path / "large.jpg"
    draw_picture(small, 1, (300, 200))
    draw_picture(large, 2, (1200, 800))
    large.write_bytes(large.read_bytes() + bytes(300_000))
    program = (
        "import sys; sys.modules['PIL'] = None\n"
        "from outreply_cli.__main__ import run\n"
        "sys.argv = ['outreply', *sys.argv[1:]]; sys.exit(run())\n"
    )
    page = tmp_path / "post.html"
    words = ("posts", "preview", "--platform", "x", "--media", str(small), "--media", str(large))
    done = subprocess.run(
        [sys.executable, "-c", program, *words, "--html", str(page)],
        env=cli_logged_out.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = page.read_text()
    assert base64.b64encode(small.read_bytes()).decode() in document
    assert document.count("<img ") == 1
    assert "<b>large.jpg</b><span>JPEG, 1,200 x 800," in document


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_page_fits_every_width_and_loads_nothing_else(
    cli_logged_out: CommandLine, launch: Path, tmp_path: Path, dark: bool
) -> None:
    page = write_page(cli_logged_out, launch)
    with Browser(tmp_path / "profile") as browser:
        for width in (390, 800, 1400):
            tab = browser.open(page.as_uri(), width=width, dark=dark)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            sizes = tab.evaluate("[...document.images].map((image) => image.naturalWidth)")
            assert min(sizes) > 0
            assert max(sizes) <= 560
        background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(18, 22, 27)" if dark else "rgb(246, 247, 249)")
        assert {url for url in browser.requests if not url.startswith("data:")} == {page.as_uri()}
        assert browser.messages == []


@needs_browser
def test_page_shows_everything_without_scripts_and_in_print(
    cli_logged_out: CommandLine, launch: Path, tmp_path: Path
) -> None:
    page = write_page(cli_logged_out, launch)
    with open_page(page, tmp_path, scripts=False) as (browser, tab):
        printed = tab.send("Page.printToPDF", printBackground=False, pageRanges="1-3")
        assert base64.b64decode(printed["data"]).startswith(b"%PDF-")
        tab.send("Emulation.setEmulatedMedia", media="print")
        tab.send("Emulation.setScriptExecutionDisabled", value=False)
        # Nothing is hidden behind "more", and no checkbox is shown.
        hidden = (
            "[...document.querySelectorAll('details')].filter((e) => !e.getClientRects().length)"
        )
        assert tab.evaluate(f"{hidden}.length") == 0
        assert tab.evaluate("document.querySelectorAll('details').length") > 10
        content = "getComputedStyle(document.querySelector('details'), '::details-content')"
        assert tab.evaluate(f"{content}.contentVisibility") == "visible"
        assert tab.evaluate("document.getElementById('approval').getClientRects().length") == 0
        assert browser.messages == []


@needs_browser
def test_two_thirds_approved_in_the_browser_are_sent(
    cli: CommandLine, client: Client, emulator: EmulatorServer, launch: Path, tmp_path: Path
) -> None:
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET tier = 'elite'")
    environ = {
        name: value for name, value in cli.environ.items() if not name.startswith("OUTREPLY_API")
    }
    page = write_page(CommandLine(tmp_path / "other", cli.clock, environ), launch)
    handed_on = tmp_path / "client"
    handed_on.mkdir()
    shutil.copy(page, handed_on / "mail.html")
    with open_page(handed_on / "mail.html", tmp_path) as (browser, tab):
        browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(handed_on))
        tab.click("Save the approval")
        tab.evaluate("document.getElementById('name').value = 'Jane Doe'")
        tab.click("Save the approval")
        assert "Approve or comment" in tab.text("#status")
        tab.evaluate("""[...document.querySelectorAll('article')].forEach((post, index) => {
            if (index % 3 !== 2) post.querySelector('input').click();
            if (index % 6 === 5) {
                const field = post.querySelector('textarea');
                field.value = 'Please \\u201cquieter\\u201d </script>';
                field.dispatchEvent(new Event('input', {bubbles: true}));
            }
        })""")
        assert tab.text("#status") == "40 of 60 approved, 10 to be changed."
        tab.click("Save the approval")
        tab.wait("document.getElementById('status').textContent.startsWith('Saved ')")
        approval = handed_on / "launch.approval.json"
        for _ in range(200):
            if approval.exists():
                break
            tab.evaluate("new Promise((done) => setTimeout(done, 50))")
        assert browser.messages == []
    document = json.loads(approval.read_text())
    assert (len(document["rows"]), len(document["rejected"])) == (40, 10)
    assert document["approved_by"] == "Jane Doe"
    shown = json.loads(cli.run("bulk", "preview", str(launch), "--json").out)
    wanted = {item["message"] for index, item in enumerate(shown) if index % 3 != 2}
    before = {post["id"] for post in client.scheduled_posts().items}
    ran = cli.run("bulk", "schedule", str(launch), "--approved", str(approval), "--json")
    assert ran.code == 0, ran.err
    sent = [post for post in client.scheduled_posts().items if post["id"] not in before]
    assert {post["message"] for post in sent} == wanted
    assert len(sent) == 40
    assert "10 posts without approval are skipped" in ran.err
    assert ran.err.count("not approved by Jane Doe: Please") == 1
