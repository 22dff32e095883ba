"""Platform rules: refused posts fail when they are due, or are not published."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.limits import MEGABYTE
from outreply_cli.spec.media_types import EXTENSIONS
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.emulator.reference_checks import NOW, PICTURE, Api, create_webhook, open_api
from tests.media.sized_files import jpeg, mp4, png, webm

VIDEO = "https://cdn.example.com/clip.mp4"
REFUSED = [
    ("instagram", "x", [], "Instagram requires an image or a video"),
    ("tiktok", "x", [], "TikTok requires an image or a video"),
    ("youtube", "x", [], "YouTube requires a video"),
    ("youtube", "x", [PICTURE], "YouTube requires a video"),
    ("twitter", "x" * 281, [], "the text has 281 characters, but X allows at most 280 characters"),
    ("linkedin", "x" * 3_001, [], "the text has 3,001 characters, but LinkedIn allows at"),
    ("instagram", "x" * 2_201, [PICTURE], "the text has 2,201 characters"),
    ("twitter", "日" * 141, [], "the text has 282 characters as X counts them, but X allows"),
    ("tiktok", "x" * 2_201, [VIDEO], "TikTok allows at most 2,200 characters with a video"),
    ("instagram", "x", [PICTURE] * 11, "the post has 11 images and videos, but Instagram allows"),
    ("twitter", "x", [PICTURE] * 5, "the post has 5 images, but X allows at most 4 images"),
    ("twitter", "x", [PICTURE, VIDEO], "X allows images or videos, not both"),
    ("linkedin", "x", [VIDEO, VIDEO], "the post has 2 videos, but LinkedIn allows at most 1"),
    ("tiktok", "x", ["https://cdn.example.com/a.png"], "a.png is PNG, but TikTok allows JPEG or"),
    ("linkedin", "x", ["https://cdn.example.com/a.webm"], "a.webm is WebM, but LinkedIn allows"),
]  # fmt: skip
ACCEPTED = [
    ("facebook", "x", []), ("linkedin", "x" * 3_000, []), ("twitter", "x" * 280, []),
    ("twitter", "https://example.com/" + "x" * 400, []), ("instagram", "x" * 2_200, [PICTURE]),
    ("instagram", "", [VIDEO]), ("tiktok", "x", [PICTURE]), ("youtube", "x", [VIDEO]),
    ("youtube", "x", [PICTURE, VIDEO]), ("twitter", "see example.com " + "x" * 252, []),
    ("tiktok", "x" * 2_201, [PICTURE]), ("instagram", "x", [PICTURE, VIDEO] * 5),
    # Platforms ignore or cut these, or allow them to some accounts.
    ("instagram", "#a " * 31 + "example.com", ["https://cdn.example.com/a.png"]),
    ("facebook", "x", [PICTURE, VIDEO]), ("tiktok", "x", ["https://cdn.example.com/a?id=1"]),
]  # fmt: skip
# Uploads with the reason why their platform refuses them, if it does.
UPLOADS = [
    ("instagram", "image/jpeg", jpeg(500, 500), None),
    ("instagram", "image/jpeg", jpeg(500, 1500), "is 500 x 1,500 pixels, but Instagram requires"),
    ("instagram", "image/jpeg", jpeg(500, 900, 6), None),
    (
        "instagram",
        "image/png",
        png(9, 9, 8 * MEGABYTE),
        "is 8.0 MB, but Instagram allows at most 8 MB",
    ),
    ("instagram", "video/mp4", mp4(640, 360, 2), "lasts 2 s, but Instagram requires at least 3 s"),
    ("instagram", "video/mp4", mp4(640, 360, 3), None),
    ("instagram", "video/webm", webm(640, 360, 9), "is WebM, but Instagram allows MP4 or MOV"),
    ("tiktok", "video/mp4", mp4(640, 300, 9), "is 640 x 300 pixels, but TikTok requires at least"),
    ("tiktok", "image/png", png(9, 9), "is PNG, but TikTok allows JPEG or WebP images"),
    ("twitter", "video/quicktime", mp4(400, 100, 9, brand=b"qt  "), "X allows at most 3:1"),
    ("twitter", "video/mp4", mp4(640, 360, 200), None),
    ("linkedin", "video/mp4", mp4(640, 360, 9), "LinkedIn requires at least 75 KB for a video"),
    # A file that does not say it, and a damaged one.
    ("instagram", "video/mp4", mp4(0, 0, 0, b""), None),
    ("instagram", "image/jpeg", jpeg(500, 1500)[:40], None),
]


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


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.mp4", "video"), ("A.MP4", "video"), ("a.Mov?v=1", "video"), ("A.JPG", "photo"),
     ("mp4", "photo")],
)  # fmt: skip
def test_kind_of_media_follows_from_the_extension(api: Api, name: str, kind: str) -> None:
    post_id = schedule(api, "facebook", "x", [f"https://cdn.example.com/{name}"])
    post = api.send(f"GET /posts/scheduled/{post_id}").json()["scheduled_post"]
    assert [item["type"] for item in post["media"]] == [kind]


def test_expired_page_is_refused_even_if_lenient(tmp_path: Path) -> None:
    with open_api(tmp_path, is_lenient=True) as api:
        api.execute("UPDATE pages SET expired = 1")
        body = {"page_id": "p_facebook", "message": "x"}
        response = api.send("POST /posts/publish", body=body)
        assert response.json()["error"] == "The page's connection has expired"


@pytest.mark.parametrize(("platform", "mime", "content", "reason"), UPLOADS)
def test_uploaded_file_that_breaks_a_rule_is_rejected(
    api: Api, platform: str, mime: str, content: bytes, reason: str | None
) -> None:
    uploaded = api.upload(content, f"file{EXTENSIONS[mime]}", mime)
    assert uploaded.is_success, uploaded.text
    media_ids = [uploaded.json()["media_id"]]
    body = {"page_id": f"p_{platform}", "message": "x", "media_ids": media_ids}
    response = api.send("POST /posts/publish", body=body)
    if reason is None:
        assert response.is_success, response.text
    else:
        assert (response.status_code, response.json()["code"]) == (422, "PLATFORM_REJECTED")
        assert re.search(reason, response.json()["error"])


def test_uploads_are_still_checked_after_a_restart(tmp_path: Path) -> None:
    with open_api(tmp_path) as api:
        media_id = api.upload(jpeg(500, 1500)).json()["media_id"]
        unknown = api.upload(jpeg(500, 1501)).json()["media_id"]
        api.execute("UPDATE media SET width = NULL, height = NULL WHERE id = ?", unknown)
        path = tmp_path / "e.db"
    with EmulatorServer(path, ManualClock(NOW), config=EmulatorConfig()) as server:
        api = Api(server, ManualClock(NOW))
        body = {"page_id": "p_instagram", "message": "x"}
        refused = api.send("POST /posts/publish", body={**body, "media_ids": [media_id]})
        assert refused.status_code == 422
        assert api.send("POST /posts/publish", body={**body, "media_ids": [unknown]}).is_success
        api.http.close()


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
