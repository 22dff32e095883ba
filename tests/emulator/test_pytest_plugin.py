"""The pytest plugin, in this test suite and in those of other projects."""

import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from outreply import OutReply

from outreply_cli.emulator.errors import EmulatorError, EmulatorNotFoundError
from outreply_cli.errors import InvalidInputError
from outreply_cli.pytest_plugin import OutReplyEmulator

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
README = Path(__file__).parents[2] / "README.md"
# The block of the README, with its import.
(_README_BLOCK,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
THREE_LINES = textwrap.indent(f"from outreply import OutReply\n\n\n{_README_BLOCK}", "    ")
HTTP_CLIENTS = """
    import json
    import urllib.request

    import httpx

    def test_httpx(outreply_emulator):
        headers = {"Authorization": f"Bearer {outreply_emulator.token}"}
        response = httpx.get(outreply_emulator.base_url + "/me", headers=headers, timeout=60)
        assert response.json()["authenticated_as"]["email"] == "alex@example.com"

    def test_urllib(outreply_emulator):
        request = urllib.request.Request(
            outreply_emulator.base_url + "/pages",
            headers={"Authorization": f"Bearer {outreply_emulator.token}"},
        )
        with urllib.request.urlopen(request) as response:
            assert len(json.load(response)["pages"]) == 6
"""
RECEIVER = """
    import threading
    from datetime import timedelta
    from http.server import BaseHTTPRequestHandler, HTTPServer

    import pytest
    from outreply import OutReply
    from outreply.webhooks import construct_event

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.deliveries.append((body, self.headers))
            self.send_response(204)
            self.end_headers()

    @pytest.fixture
    def receiver():
        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            server.deliveries = []
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield server
            server.shutdown()
            thread.join()

    @pytest.fixture
    def client(outreply_emulator):
        with OutReply(outreply_emulator.token, base_url=outreply_emulator.base_url) as client:
            yield client

    def test_delivery(outreply_emulator, client, receiver):
        page = client.pages.list(platform="twitter")["pages"][0]
        url = f"http://127.0.0.1:{receiver.server_port}/hooks"
        hook = client.webhooks.create(url=url, events=["post.published"])["webhook"]
        at = outreply_emulator.now + timedelta(hours=1)
        client.posts.schedule(page_id=page["id"], message="Soon", scheduled_at=at.isoformat())
        assert outreply_emulator.deliveries() == receiver.deliveries == []

        outreply_emulator.advance("2h")

        [(body, headers)] = receiver.deliveries
        event = construct_event(
            body, headers["X-OutReply-Signature"], hook["secret"],
            timestamp_header=headers["X-OutReply-Timestamp"], tolerance_sec=300,
        )
        assert (event["event"], event["data"]["post"]["message"]) == ("post.published", "Soon")
        [delivery] = outreply_emulator.deliveries()
        assert (delivery["event"], delivery["status"]) == ("post.published", 204)
"""
# Each test publishes, and expects its own post only.
INDEPENDENT = """
    import os
    import pathlib

    import pytest
    from outreply import OutReply

    @pytest.mark.parametrize("number", range(4))
    def test_own_account(outreply_emulator, number, tmp_path):
        assert outreply_emulator.base_url.startswith("http://127.0.0.1:")
        assert outreply_emulator.token != os.environ["OUTREPLY_API_KEY"]
        with OutReply(outreply_emulator.token, base_url=outreply_emulator.base_url) as client:
            page = client.pages.list(platform="twitter")["pages"][0]
            client.posts.publish(page_id=page["id"], message=f"Post {number}")
            posts = client.posts.list_published(page_id=page["id"])["published_posts"]
        assert [post["message"] for post in posts] == [f"Post {number}", "Fresh beans, fresh week."]
        assert list(tmp_path.iterdir()) == []
        assert not pathlib.Path(os.environ["HOME"]).exists()
"""
NOWHERE = """
    import os

    os.environ["HOME"] = "/nowhere/at/all"
"""
# After each test, failed or not, nothing of its emulator is left.
LEFTOVERS = """
    import gc
    import socket
    import threading

    import pytest

    gc.set_threshold(12_345)

    @pytest.fixture(autouse=True)
    def left(request, tmp_path_factory):
        before = {*threading.enumerate()}
        addresses = []
        request.addfinalizer(lambda: check(before, addresses, tmp_path_factory))
        return addresses

    def check(before, addresses, tmp_path_factory):
        names = {thread.name for thread in threading.enumerate() if thread not in before}
        assert not names & {"emulator", "deliveries"}
        for address in addresses:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address)
        assert not [*tmp_path_factory.getbasetemp().glob("outreply*")]
        assert gc.get_threshold()[0] == 12_345
"""
LEAVING = """
    from urllib.parse import urlsplit

    def test_passes(left, outreply_emulator):
        parts = urlsplit(outreply_emulator.base_url)
        left.append((parts.hostname, parts.port))

    def test_fails(left, outreply_emulator):
        parts = urlsplit(outreply_emulator.base_url)
        left.append((parts.hostname, parts.port))
        assert outreply_emulator.now is None, "on purpose"
"""
WRONG_USES = """
    from datetime import datetime

    import pytest

    @pytest.mark.outreply_emulator(seed_file="no/such.yaml")
    def test_missing_seed(outreply_emulator):
        pass

    @pytest.mark.outreply_emulator(seed_file="invalid.yaml")
    def test_invalid_seed(outreply_emulator):
        pass

    @pytest.mark.outreply_emulator(seed_fil="account.yaml")
    def test_unknown_argument(outreply_emulator):
        pass

    @pytest.mark.outreply_emulator(now="noon")
    def test_invalid_now(outreply_emulator):
        pass

    def test_backwards(outreply_emulator):
        outreply_emulator.advance(to=datetime(2020, 1, 1))

    def test_duration(outreply_emulator):
        outreply_emulator.advance("soon")

    def test_fault(outreply_emulator):
        outreply_emulator.fault("explode")
"""


@dataclass(frozen=True)
class Outcome:
    """The counts in the last line of pytest, and all it printed."""

    counts: dict[str, int]
    out: str


@dataclass(frozen=True)
class Project:
    """Another project with this package installed; pytest runs its tests in a new process."""

    directory: Path

    def write(self, **files: str) -> None:
        for name, text in files.items():
            lines = [line.removeprefix("    ") for line in text.splitlines()]
            (self.directory / f"{name}.py").write_text("\n".join(lines))

    def test(self, *options: str, **environ: str) -> Outcome:
        words = ("-W", "error", "--strict-markers", "-p", "no:hypothesispytest", *options)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words], cwd=self.directory, capture_output=True,
            text=True, timeout=300, check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory), **environ},
        )  # fmt: skip
        assert done.stderr == ""
        last = done.stdout.splitlines()[-1]
        counts = {name: int(count) for count, name in re.findall(r"(\d+) ([a-z]+?)s?\b", last)}
        return Outcome(counts, done.stdout)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    directory = tmp_path / "elsewhere"
    directory.mkdir()
    return Project(directory)


def get_sdk(emulator: OutReplyEmulator) -> OutReply:
    return OutReply(emulator.token, base_url=emulator.base_url, max_retries=0)


def schedule(emulator: OutReplyEmulator, after: timedelta) -> str:
    with get_sdk(emulator) as sdk:
        (page,) = sdk.pages.list(platform="twitter")["pages"]
        at = (emulator.now + after).isoformat()
        post = sdk.posts.schedule(page_id=page["id"], message="Soon", scheduled_at=at)
        return str(post["scheduled_post"]["id"])


def test_other_projects_use_it_in_three_lines(project: Project) -> None:
    project.write(test_sdk=THREE_LINES, test_http=HTTP_CLIENTS, test_receiver=RECEIVER)
    outcome = project.test()
    assert outcome.counts.keys() == {"passed"}, outcome.out
    assert outcome.counts["passed"] == 4


@pytest.mark.parametrize(
    "options",
    [(), pytest.param(("-n", "2"), marks=pytest.mark.slow), ("--import-mode=importlib",)],
    ids=str,
)
def test_no_state_is_shared_and_the_environment_is_ignored(
    project: Project, options: tuple[str, ...]
) -> None:
    project.write(conftest=NOWHERE, test_own=INDEPENDENT)
    outcome = project.test(
        *options,
        OUTREPLY_API_KEY="outreply_live_real", OUTREPLY_TOKEN="outreply_live_real",
        OUTREPLY_BASE_URL="https://api.outreply.com/api/v1", OUTREPLY_PROFILE="real",
        OUTREPLY_CONFIG_DIR="/nowhere/config", OUTREPLY_STATE_DIR="/nowhere/state",
        OUTREPLY_EMULATOR_STATE="/nowhere/emulator", OUTREPLY_TIMEZONE="Nowhere/City",
    )  # fmt: skip
    assert outcome.counts == {"passed": 4}, outcome.out


def test_nothing_is_imported_without_the_fixture(project: Project) -> None:
    project.write(
        test_imports="""
    import sys

    def test_modules():
        ours = {name for name in sys.modules if name.startswith("outreply_cli")}
        assert ours == {"outreply_cli", "outreply_cli.pytest_plugin"}
        heavy = {"werkzeug", "yaml", "jinja2", "httpx", "typer", "rich", "h11", "sqlite3"}
        assert not heavy & {*sys.modules}
"""
    )
    outcome = project.test()
    assert outcome.counts == {"passed": 1}, outcome.out


def test_no_thread_server_or_file_remains_after_a_test(project: Project) -> None:
    project.write(conftest=LEFTOVERS, test_leaving=LEAVING)
    outcome = project.test()
    assert outcome.counts == {"passed": 1, "failed": 1}, outcome.out
    assert "on purpose" in outcome.out


def test_wrong_uses_are_reported_at_the_line_of_the_test(project: Project) -> None:
    project.write(test_wrong=WRONG_USES)
    (project.directory / "invalid.yaml").write_text("accounts:\n  - tier: gold\n")
    outcome = project.test()
    assert outcome.counts == {"failed": 3, "error": 4}, outcome.out
    for line in (
        f"cannot read {project.directory / 'no' / 'such.yaml'}: No such file or directory",
        f"{project.directory / 'invalid.yaml'}:2: tier: must be one of: free, pro, elite",
        "unknown argument of the marker outreply_emulator: seed_fil",
        "Use: seed_file, now, seed, failure_rate, comments, lenient",
        "the argument now of the marker outreply_emulator is invalid: 'noon'",
        "E       outreply_cli.errors.InvalidInputError: the emulator's clock only moves forward",
        "E       outreply_cli.errors.TimeError: invalid duration 'soon'",
        "E       Accepted formats: 30s, 15m, 2h, 1h30m, 3d, 1w",
        "E       outreply_cli.errors.InvalidInputError: unknown fault 'explode'",
    ):
        assert line in outcome.out.splitlines()
    assert "pytest_plugin.py" not in outcome.out
    assert "client.py" not in outcome.out


@pytest.mark.outreply_emulator(now=NOON)
def test_clock_is_frozen_and_moves_by_advance_only(outreply_emulator: OutReplyEmulator) -> None:
    emulator = outreply_emulator
    assert emulator.now == NOON
    post_id = schedule(emulator, timedelta(hours=3))
    for by in (timedelta(hours=1), 3600, 1800.0, "+20m"):
        assert emulator.advance(by)["published"] == 0
    assert emulator.now == NOON + timedelta(hours=2, minutes=50)
    result = emulator.advance(to=datetime(2026, 11, 23, 15))
    assert result == {
        "now": "2026-11-23T15:00:00.000Z",
        "published": 1,
        "failed": 0,
        "deliveries": 0,
    }
    emulator.advance(to="2026-11-23T16:30+01:00")
    assert emulator.now == NOON + timedelta(hours=3, minutes=30)
    with get_sdk(emulator) as sdk:
        assert sdk.posts.list_published()["published_posts"][0]["id"] == post_id
    with pytest.raises(InvalidInputError, match="use either"):
        emulator.advance()
    with pytest.raises(InvalidInputError, match="use either"):
        emulator.advance("1h", to=emulator.now)


def test_clock_starts_at_the_machines_time(outreply_emulator: OutReplyEmulator) -> None:
    assert abs(datetime.now(UTC) - outreply_emulator.now) < timedelta(minutes=1)
    assert outreply_emulator.now.microsecond == 0


@pytest.mark.outreply_emulator(now="2026-11-23T12:00")
def test_reset_and_seed_keep_the_start_of_the_clock(outreply_emulator: OutReplyEmulator) -> None:
    for load in (
        lambda: outreply_emulator.request("reset"),
        lambda: outreply_emulator.seed("accounts: [{tier: free}]"),
    ):
        outreply_emulator.advance("1d")
        load()
        assert outreply_emulator.now == NOON
    outreply_emulator.seed("now: 2026-12-24T18:00:00Z\naccounts: [{}]")
    assert outreply_emulator.now == datetime(2026, 12, 24, 18, tzinfo=UTC)


def test_fault_applies_only_to_its_method_and_path(outreply_emulator: OutReplyEmulator) -> None:
    request = outreply_emulator.request
    number = outreply_emulator.fault("status:503", method="get", path="/me")
    with get_sdk(outreply_emulator) as sdk:
        assert sdk.pages.list()["pages"]
    (fault,) = request("fault")["faults"]
    assert (fault["number"], fault["method"], fault["hits"]) == (number, "GET", 0)
    assert request("fault", clear=number) == {"removed": 1}
    with pytest.raises(InvalidInputError, match="unknown fault option 'often'"):
        outreply_emulator.fault("garbage", often=2)


def test_seed_from_a_file_equals_seed_from_its_text(outreply_emulator: OutReplyEmulator) -> None:
    roomy = Path(__file__).parent / "roomy.yaml"
    default = outreply_emulator.token
    outreply_emulator.seed(roomy)
    seeded = outreply_emulator.token
    outreply_emulator.seed(roomy.read_text(encoding="utf-8"))
    assert seeded == outreply_emulator.token != default
    outreply_emulator.seed("accounts: [{tokens: []}]")
    with pytest.raises(EmulatorError, match="no active token"):
        _ = outreply_emulator.token


def test_request_runs_token_snapshot_and_comment_operations(
    outreply_emulator: OutReplyEmulator, tmp_path: Path
) -> None:
    request = outreply_emulator.request
    full_access = outreply_emulator.token
    limited = request("token", scopes=["read:pages"], expires_in=60)["token"]
    assert outreply_emulator.token == full_access != limited
    request("snapshot", save=str(tmp_path / "before.db"))
    schedule(outreply_emulator, timedelta(hours=1))
    outreply_emulator.advance("2h")
    with get_sdk(outreply_emulator) as sdk:
        post = sdk.posts.list_published()["published_posts"][0]
        request("comment", post_id=post["id"], message="Nice")
        (comment,) = sdk.comments.list(post_id=post["id"])["comments"]
        assert comment["message"] == "Nice"
        request("snapshot", load=str(tmp_path / "before.db"))
        assert sdk.posts.list_published()["published_posts"][0]["id"] != post["id"]
    with pytest.raises(EmulatorNotFoundError):
        request("comment", post_id=post["id"], message="Gone")


@pytest.mark.outreply_emulator(failure_rate=1, comments=2, now=NOON, seed=7)
class TestMarker:
    @pytest.mark.outreply_emulator(failure_rate=0)
    def test_closest_marker_wins(self, outreply_emulator: OutReplyEmulator) -> None:
        assert outreply_emulator.now == NOON
        post_id = schedule(outreply_emulator, timedelta(hours=1))
        assert outreply_emulator.advance("2d")["published"] == 1
        with get_sdk(outreply_emulator) as sdk:
            assert len(sdk.comments.list(post_id=post_id)["comments"]) == 2

    def test_failure_rate_makes_posts_fail(self, outreply_emulator: OutReplyEmulator) -> None:
        schedule(outreply_emulator, timedelta(hours=1))
        outreply_emulator.advance("2h")
        assert outreply_emulator.request("status")["posts"]["failed"] == 1

    @pytest.mark.parametrize("_", range(2))
    def test_seed_is_reproducible(
        self, outreply_emulator: OutReplyEmulator, _: int, tokens: set[str]
    ) -> None:
        tokens.add(outreply_emulator.token)
        assert len(tokens) == 1

    @pytest.mark.outreply_emulator(seed_file="roomy.yaml")
    def test_seed_file_is_relative_to_the_test(self, outreply_emulator: OutReplyEmulator) -> None:
        assert outreply_emulator.token == "outreply_live_" + "roomy" * 8


@pytest.fixture(scope="module")
def tokens() -> set[Any]:
    return set()
