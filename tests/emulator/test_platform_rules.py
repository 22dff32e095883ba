"""Platform rules: refused posts fail when they are due, or are not published."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.platforms import PLATFORMS, find_platform
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.emulator.reference_checks import NOW, PICTURE, Api, create_webhook, open_api

VIDEO = "https://cdn.example.com/clip.mp4"
REFUSED = [
    ("instagram", "x", [], "Instagram requires an image or a video"),
    ("tiktok", "x", [], "TikTok requires an image or a video"),
    ("youtube", "x", [], "YouTube requires a video"),
    ("youtube", "x", [PICTURE], "YouTube requires a video"),
    ("twitter", "x" * 281, [], "the text has 281 characters, but X allows 280"),
    ("linkedin", "x" * 3_001, [], "the text has 3,001 characters, but LinkedIn allows 3,000"),
    ("instagram", "x" * 2_201, [PICTURE], "the text has 2,201 characters"),
]  # fmt: skip
ACCEPTED = [
    ("facebook", "x", []), ("linkedin", "x" * 3_000, []), ("twitter", "x" * 280, []),
    ("twitter", "https://example.com/" + "x" * 400, []), ("instagram", "x" * 2_200, [PICTURE]),
    ("instagram", "", [VIDEO]), ("tiktok", "x", [PICTURE]), ("youtube", "x", [VIDEO]),
    ("youtube", "x", [PICTURE, VIDEO]),
]  # fmt: skip


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path) as api:
        yield api


def schedule(api: Api, platform: str, message: str, urls: list[str]) -> str:
    at = NOW + timedelta(hours=1)
    response = api.schedule(f"p_{platform}", at, message=message, media_urls=urls)
    assert response.status_code == 201, response.text
    return str(response.json()["scheduled_post"]["id"])


@pytest.mark.parametrize(("platform", "message", "urls", "reason"), REFUSED)
def test_refused_post_fails_when_due(
    api: Api, platform: str, message: str, urls: list[str], reason: str
) -> None:
    create_webhook(api)
    post_id = schedule(api, platform, message, urls)
    api.advance(hours=2)
    assert (
        api.send(f"GET /posts/scheduled/{post_id}").json()["scheduled_post"]["status"] == "failed"
    )
    (row,) = api.execute("SELECT event, body FROM deliveries")
    assert row["event"] == "post.failed"
    assert reason in row["body"]


@pytest.mark.parametrize(("platform", "message", "urls", "reason"), REFUSED)
def test_refused_post_is_not_published(
    api: Api, platform: str, message: str, urls: list[str], reason: str
) -> None:
    body = {"page_id": f"p_{platform}", "message": message, "media_urls": urls}
    before = api.execute("SELECT * FROM usage WHERE bucket = 'publishes'")
    response = api.send("POST /posts/publish", body=body)
    assert (response.status_code, response.json()["code"]) == (422, "PLATFORM_REJECTED")
    assert reason in response.json()["error"]
    # Nothing is left behind: neither a post nor its use of the quota.
    assert api.execute("SELECT * FROM posts WHERE message = ?", message) == []
    assert api.execute("SELECT * FROM usage WHERE bucket = 'publishes'") == before


@pytest.mark.parametrize(("platform", "message", "urls"), ACCEPTED)
def test_accepted_post_is_published(api: Api, platform: str, message: str, urls: list[str]) -> None:
    schedule(api, platform, message, urls)
    assert api.handle.request("advance", seconds=7_200)["published"] == 1


@pytest.mark.parametrize(("platform", "message", "urls", "_"), REFUSED)
def test_lenient_emulator_publishes_everything(
    tmp_path: Path, platform: str, message: str, urls: list[str], _: str
) -> None:
    with open_api(tmp_path, is_lenient=True) as api:
        schedule(api, platform, message, urls)
        assert api.handle.request("advance", seconds=7_200)["published"] == 1


def test_expired_page_is_refused_even_if_lenient(tmp_path: Path) -> None:
    with open_api(tmp_path, is_lenient=True) as api:
        api.execute("UPDATE pages SET expired = 1")
        body = {"page_id": "p_facebook", "message": "x"}
        response = api.send("POST /posts/publish", body=body)
        assert response.json()["error"] == "The page's connection has expired"


@given(
    platform=st.sampled_from(PLATFORMS), message=st.none() | st.text(max_size=400),
    types=st.lists(st.sampled_from(["photo", "video"]), max_size=3),
)  # fmt: skip
def test_refusal_depends_on_kinds_of_media_only(
    platform: object, message: str | None, types: list[str]
) -> None:
    found = find_platform(getattr(platform, "name"))  # noqa: B009
    assert found is not None
    reason = found.find_refusal(message, types)
    assert reason == found.find_refusal(message, [*types, *types])
    # More media never make a platform refuse.
    if reason is None:
        assert found.find_refusal(message, [*types, "video", "photo"]) is None


def test_command_reports_the_reason(cli: CommandLine, tmp_path: Path) -> None:
    config = EmulatorConfig()
    with EmulatorServer(tmp_path / "strict.db", ManualClock(), config=config) as strict:
        cli.environ["OUTREPLY_API_KEY"] = strict.token
        cli.environ["OUTREPLY_BASE_URL"] = strict.base_url
        publish = ("posts", "publish", "--page", "instagram:acme", "-m", "Only text", "--yes")
        result = cli.run(*publish)
        assert result.code == 1
        assert "Instagram requires an image or a video" in result.err
        # The same command with a picture is a new post.
        assert cli.run(*publish, "--media", PICTURE).code == 0
