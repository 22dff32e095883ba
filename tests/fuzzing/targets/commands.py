"""Commands against a server that returns malformed objects: a result or a clear error.

An input selects a command, an output format, and values to put into the server's objects.
"""

import copy
import io
import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from outreply_cli.app import main
from outreply_cli.context import Context
from tests.clocks import ManualClock
from tests.fuzzing.raw_server import RawServer
from tests.fuzzing.target import InputReader, Refused, Target, scratch
from tests.fuzzing.targets.screens import assert_sanitized

_PAGE = {
    "id": "p1", "brand_id": "b1", "platform": "instagram", "username": "acme", "name": "Acme",
    "status": "active", "brand_name": "B", "token_expires_at": "2026-12-24T17:00:00.000Z",
}  # fmt: skip
_POST = {
    "id": "s1", "page_id": "p1", "platform": "instagram", "status": "scheduled",
    "scheduled_at": "2026-12-01T17:00:00.000Z", "message": "Hello", "first_comment": "One",
    "media": [{"src": "https://e.com/a.jpg", "type": "photo"}], "link": None,
    "created_at": "2026-11-01T12:00:00.000Z", "tiktok_settings": {"a": 1},
}  # fmt: skip
_PUBLISHED = {
    **_POST, "id": "o1", "status": "published", "remote_id": "r1",
    "permalink": "https://x.com/1", "published_at": "2026-11-22T17:00:00.000Z",
    "metrics": {"likes": 42, "comments": 3, "shares": 1},
}  # fmt: skip
_COMMENT = {
    "id": "c1", "post_id": "o1", "platform": "instagram", "parent_id": None,
    "author": {"name": "Jane", "username": "jane", "profile_picture": None},
    "message": "Love this!", "created_at": "2026-11-23T10:00:00.000Z", "replies_count": 0,
}  # fmt: skip
_MEDIA = {
    "media_id": "m1", "filename": "a.jpg", "size_bytes": 10, "type": "photo",
    "mime_type": "image/jpeg", "scheduled_post_id": "s1",
    "created_at": "2026-11-18T12:00:00.000Z", "url": "https://e.com/a.jpg",
}  # fmt: skip
_BUCKET = {"used": 84, "limit": 500, "remaining": 416}
_ACCOUNT = {
    "user": {"id": "u1", "email": "a@b.c", "firstname": "A", "lastname": "B"},
    "credits": {"remaining": 420, "plan": "pro"},
    "tier": "pro",
    "api_key": {
        "id": "k1", "name": "K", "prefix": "outreply_live_ab12c", "scopes": ["*"],
        "brand_ids": [], "expires_at": "2027-01-01T00:00:00.000Z", "last_used_at": None,
        "request_count": 3,
    },
    "quota": {
        "storage": {"used_bytes": 1, "limit_bytes": 10**9, "remaining_bytes": 10**9 - 1,
                    "max_file_bytes": 10**8},
        "publish_guardrails": {"minGapBetweenSchedulesMs": 60000, "perBrandPer24hSafetyNet": 500,
                               "perPage": {"IG": {"perHour": 8, "per24h": 30}}},
        "rate_limit": {"per_minute": 60, "per_day": 90000},
        "monthly": {
            "year_month": "2026-11", "resets_at": "2026-12-01T00:00:00.000Z",
            "publishes": _BUCKET, "replies": _BUCKET, "reads": _BUCKET, "webhooks": _BUCKET,
            "writes": {"used": 1, "limit": None},
        },
    },
}  # fmt: skip
_HOOK = {"id": "w1", "url": "https://e.com/h", "events": ["post.published"], "active": True,
         "secret": "whsec_x", "created_at": "2026-11-01T12:00:00.000Z"}  # fmt: skip
_BRAND = {"id": "b1", "name": "B", "timezone": "Europe/Paris", "pages": [_PAGE], "role": "owner"}
# Response bodies by path; `x` stands for an ID.
_BODIES: dict[str, Any] = {
    "/me": {"authenticated_as": {"user_id": "u1", "email": "a@b.c", "firstname": "A"},
            "api_key": _ACCOUNT["api_key"], "tier": "pro"},
    "/account": _ACCOUNT,
    "/brands": {"brands": [_BRAND]},
    "/brands/x": {"brand": _BRAND},
    "/pages": {"pages": [_PAGE, {**_PAGE, "id": "p2", "platform": "tiktok"}]},
    "/pages/x": {"page": _PAGE},
    "/posts/schedule": {"scheduled_post": {**_POST, "id": "n1"}},
    "/posts/publish": {**_PUBLISHED, "post_id": "17841"},
    "/posts/scheduled": {"scheduled_posts": [_POST, {**_POST, "id": "s2", "page_id": "p2"}]},
    "/posts/scheduled/x": {"scheduled_post": _POST},
    "/posts/published": {"published_posts": [_PUBLISHED]},
    "/comments": {"comments": [_COMMENT, {**_COMMENT, "id": "c2", "parent_id": "c1"}]},
    "/comments/reply": {"reply": {"id": "c9", "parent_id": "c1", "message": "Thanks",
                                  "created_at": "2026-11-23T12:00:00.000Z"}},
    "/media": {"media": [_MEDIA, {**_MEDIA, "media_id": "m2", "scheduled_post_id": None}],
               "tier": "pro"},
    "/media/x": {"media": _MEDIA},
    "/webhooks": {"webhooks": [_HOOK]},
    "/webhooks/x": {"webhook": _HOOK},
    "/errors": {"errors": [{"code": "X", "status": 400, "message": "m", "fix": "f",
                            "category": "c"}]},
}  # fmt: skip
_FILE = "page,scheduled_at,message\ninstagram:acme,2026-12-02 09:00,Hello again\n"
_COMMANDS = tuple(
    line.split()
    for line in (
        "auth status", "brands list", "brands show b1", "pages list", "pages show instagram:acme",
        "posts list --all", "posts list --scheduled", "posts show s1", "posts show o1",
        "posts calendar --month", "posts calendar --week", "posts export --ics -", "bulk export",
        "posts schedule --page instagram:acme --at 2026-12-03T09:00 -m Hi",
        "posts publish --page instagram:acme -m Hi --yes", "posts cancel s1 --yes",
        "posts reschedule s1 --at 2026-12-03T09:00 --yes", "bulk schedule FILE",
        "bulk schedule FILE --dry-run --spread", "bulk status FILE", "comments list o1",
        "comments inbox", "comments reply c1 -m Thanks", "media list", "media show m1",
        "media delete m2 --yes", "media prune --yes", "webhooks list", "webhooks show w1",
        "webhooks create --url https://e.com/h --events post.published", "quota show",
        "quota check", "quota check --min-publishes 5", "quota forecast", "doctor",
        "errors MISSING_SCOPE", "api GET /account", "api GET /pages --paginate",
        "posts edit s1 -m Hi --yes", "posts edit --all --replace a=b --yes",
    )
)  # fmt: skip
_FORMATS = ("table", "screen", "json", "csv", "yaml", "table")
_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, 1e300, "", " ", "x", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999Z", "2026-12-01T17:00:00", "\x1b[2J\u202e\n", "\ud800", [], [None],
    [[]],
    [1], ["x"], {}, {"id": None}, {"id": 7}, {"": {}}, "p1", "instagram", "x:y", "a" * 5000, "2026",
    "*", "-5", {"src": 1}, "/../..", "\x00",
)  # fmt: skip
_INTERNAL_ERROR = re.compile(r"internal error: .*", re.IGNORECASE)
_CODES = {0, 1, 2, 3, 4, 5, 6, 7}


class _Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@cache
def _server() -> RawServer:
    return RawServer(lambda _: b"")


@cache
def _home() -> Path:
    return scratch()


def _check(data: bytes) -> None:
    reader = InputReader(data)
    words = _COMMANDS[reader.number(len(_COMMANDS))]
    format_ = _FORMATS[reader.number(len(_FORMATS))]
    bodies = _mutate_bodies(reader.rest())
    server = _server()
    server.respond = lambda line: _respond(line, bodies)
    home = _home() / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    (home / "c.csv").write_text(_FILE)
    out, err = (_Terminal() if format_ == "screen" else io.StringIO() for _ in range(2))
    context = Context(
        environ={
            "HOME": str(home), "OUTREPLY_CONFIG_DIR": str(home / "config"),
            "OUTREPLY_STATE_DIR": str(home / "state"), "OUTREPLY_TIMEZONE": "Asia/Tokyo",
            "OUTREPLY_API_KEY": "outreply_live_x", "OUTREPLY_BASE_URL": server.url,
            "COLUMNS": "100",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        },
        stdin=io.StringIO(), stdout=out, stderr=err, clock=ManualClock(),
    )  # fmt: skip
    arguments = [str(home / "c.csv") if word == "FILE" else word for word in words]
    code = main([*arguments, "-o", format_ if format_ != "screen" else "table", "-v"], context)
    assert code in _CODES, code
    internal_error = _INTERNAL_ERROR.search(err.getvalue())
    assert internal_error is None, internal_error and internal_error[0]
    assert_sanitized(err.getvalue().replace("\x1b", "").replace("\r", ""))
    if format_ == "json" and code == 0 and out.getvalue() and "export" not in words:
        json.loads(out.getvalue())
    if format_ == "table" and "export" not in words and words[0] != "api":
        assert_sanitized(out.getvalue().replace("\t", " "))
    if code:
        raise Refused


def _mutate_bodies(changes: bytes) -> dict[str, Any]:
    bodies: dict[str, Any] = copy.deepcopy(_BODIES)
    for index in range(0, len(changes) - 2, 3):
        slots = list(_find_slots(bodies))
        if not slots:
            break
        holder, key = slots[int.from_bytes(changes[index : index + 2], "big") % len(slots)]
        kind = changes[index + 2]
        if kind == 255 and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(_VALUES[kind % len(_VALUES)])
    return bodies


def _find_slots(value: Any) -> Iterator[tuple[Any, Any]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from _find_slots(inner)


def _respond(line: str, bodies: dict[str, Any]) -> bytes:
    path = line.split(" ")[1].partition("?")[0].removeprefix("/api/v1")
    for route in (path, path.rpartition("/")[0] + "/x"):
        if route in bodies:
            content = json.dumps(bodies[route]).encode()
            return (
                b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
            )
    return b'HTTP/1.1 404 No\r\nContent-Length: 21\r\n\r\n{"code": "NOT_FOUND"}'


TARGETS = (
    Target(
        "commands", _check,
        [bytes([command, format_]) for command in range(len(_COMMANDS))
         for format_ in range(len(_FORMATS))],
        [bytes([high, low, kind]) for kind in (*range(len(_VALUES)), 255) for high in (0, 1)
         for low in range(0, 256, 37)],
        smoke=40,
    ),
)  # fmt: skip
