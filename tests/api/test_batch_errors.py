"""Which errors stop a batch, because the rest of it would get them too."""

import json
from pathlib import Path

import pytest

from outreply_cli.api.errors import InvalidResponseError, NetworkError, error_class, stops_batch
from outreply_cli.emulator import media, posts
from outreply_cli.emulator.request import ErrorResponse
from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine
from tests.media.sample_files import png


@pytest.mark.parametrize(
    ("status", "code", "stops"),
    [
        (401, "INVALID_TOKEN", True),
        (402, "SANDBOX_EXHAUSTED", True),
        (402, "PAYMENT_REQUIRED", True),
        (403, "MISSING_SCOPE", True),
        (403, "IP_NOT_ALLOWED", True),
        (403, "COLLABORATOR_INSUFFICIENT", True),
        (403, "BRAND_NOT_AUTHORIZED", False),
        (429, "RATE_LIMITED", True),
        (429, "DAILY_LIMIT_EXCEEDED", True),
        (429, "MONTHLY_QUOTA_EXCEEDED", True),
        # The SDKs' code of an exhausted month; with 413, of a full storage.
        (429, "QUOTA_EXCEEDED", True),
        (413, "QUOTA_EXCEEDED", False),
        (413, "FILE_TOO_LARGE", False),
        (429, "PAGE_PUBLISH_GUARDRAIL", False),
        (429, "BRAND_PUBLISH_GUARDRAIL", False),
        (400, "INVALID_DATE", False),
        (404, "NOT_FOUND", False),
        (409, "MEDIA_IN_USE", False),
        (500, "SERVER_ERROR", False),
    ],
)
def test_error_response_stops_a_batch_if_later_requests_would_fail_too(
    status: int, code: str, stops: bool
) -> None:
    assert stops_batch(error_class(status)(status, {"code": code})) == stops


def test_connection_errors_stop_a_batch() -> None:
    assert stops_batch(NetworkError("CONNECTION_FAILED", "no connection"))
    assert stops_batch(InvalidResponseError("HTML_RESPONSE", "HTML", status=200))


def test_exhausted_month_of_the_sdks_stops_a_bulk_run(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def refuse(*_: object) -> None:
        attempts.append(1)
        raise ErrorResponse(429, "QUOTA_EXCEEDED")

    monkeypatch.setattr(posts, "count_usage", refuse)
    path = tmp_path / "calendar.csv"
    rows = [f"k{n},facebook:acme,2026-12-{n:02} 12:00,Post {n}" for n in range(1, 29)]
    path.write_text("\n".join(["key,page,scheduled_at,message", *rows]))
    ran = cli.run("bulk", "schedule", str(path), "--json", "--concurrency", "2")
    assert ran.code == 6, ran.err
    assert len(attempts) <= 4
    report = json.loads(ran.out)
    assert report["summary"]["pending"] == len(rows)


def test_exhausted_month_of_the_sdks_stops_uploads(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def refuse(*_: object) -> int:
        attempts.append(1)
        raise ErrorResponse(429, "QUOTA_EXCEEDED")

    names = []
    for number in range(8):
        path = tmp_path / f"{number}.png"
        path.write_bytes(png(b"x" * number))
        names.append(str(path))
    monkeypatch.setattr(media, "detect_mime", refuse)
    ran = cli.run("media", "upload", *names, "--json", "--concurrency", "1")
    assert ran.code == 6, ran.err
    assert len(attempts) == 1
