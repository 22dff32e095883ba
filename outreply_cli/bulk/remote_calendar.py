"""Calendars at an https URL, such as a published Google sheet.

Such a calendar must not name local files.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from outreply_cli.api.download import FetchError, download
from outreply_cli.errors import InvalidInputError, OutReplyError, StorageError
from outreply_cli.net.address import Address
from outreply_cli.net.dns import resolve
from outreply_cli.net.urls import parse_http_url
from outreply_cli.storage.private_files import read_private, write_private

_DIRECTORY = "sheets"
_GOOGLE_SHEET = re.compile(
    r"(?P<base>/spreadsheets/d/(?:e/)?[\w-]+)/(?P<view>edit|view|pubhtml|pub)"
)
_PUBLISH = (
    "Publish the sheet as CSV: in Google Sheets, choose File, Share, Publish to web, and "
    "'Comma-separated values'."
)


def fetch_sheet(
    url: str,
    cache_dir: Path,
    lookup: Callable[[str], Sequence[Address]] = resolve,
) -> bytes:
    """Return the content at `url`, which is kept with its ETag in `cache_dir`.

    Raises:
        InvalidInputError: The URL is not https, is blocked, or does not have a calendar.
        FetchError: The server cannot be reached, or fails.
    """
    checked_url = _check(url)
    cache = cache_dir / _DIRECTORY / hashlib.sha256(checked_url.encode()).hexdigest()[:24]
    etag, cached = _read_cache(cache)
    known = etag if cached is not None else None
    status, headers, content = download(checked_url, known, lookup)
    if status == 304 and cached is not None:
        return cached
    if status != 200:
        raise _status_error(url, status)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html" or content[:200].lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise InvalidInputError(f"{url} is a web page, not a calendar", hint=_PUBLISH)
    _write_cache(cache, headers.get("etag"), content)
    return content


def _check(url: str) -> str:
    """Return the URL to fetch; a Google sheet's page is replaced by its CSV."""
    try:
        parsed = parse_http_url(url)
    except ValueError as error:
        raise InvalidInputError(f"{url!r} is {error}") from None
    if not parsed.is_secure:
        raise InvalidInputError(f"{url!r} is not an https URL", hint="Use https://.")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise InvalidInputError(
            "the URL of a calendar must not contain a password",
            hint="Publish the sheet at a URL without one.",
        )
    match = _GOOGLE_SHEET.fullmatch(parts.path)
    if parts.hostname != "docs.google.com" or match is None:
        return url
    query = {**parse_qs(parts.query), **parse_qs(parts.fragment)}
    if match["view"] == "pub" and "output" in query:
        return url
    gid = f"&gid={query['gid'][0]}" if query.get("gid", [""])[0].isdigit() else ""
    is_published = match["view"].startswith("pub")
    form = "pub?output=csv" if is_published else "export?format=csv"
    return f"https://docs.google.com{match['base']}/{form}{gid}"


def _status_error(url: str, status: int) -> OutReplyError:
    if status >= 500 or status == 429:
        return FetchError(f"cannot fetch {url}: HTTP {status}", hint="Try again later.")
    hint = _PUBLISH if status in {401, 403, 404, 410} else "Check the URL."
    return InvalidInputError(f"cannot fetch {url}: HTTP {status}", hint=hint)


def _read_cache(path: Path) -> tuple[str | None, bytes | None]:
    try:
        document = json.loads(read_private(path) or "{}")
        return str(document["etag"]), bytes.fromhex(document["content"])
    except (StorageError, ValueError, KeyError, TypeError):
        return None, None


def _write_cache(path: Path, etag: str | None, content: bytes) -> None:
    if not etag:
        path.unlink(missing_ok=True)
        return
    try:
        write_private(path, json.dumps({"etag": etag, "content": content.hex()}))
    except StorageError:
        # Without the cache, the next run downloads the sheet again.
        return
