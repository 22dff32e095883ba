"""Calendar files: accepted rows can be sent, exported and loaded again."""

import codecs
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from outreply_cli.bulk.calendar import FIELDS, Calendar
from outreply_cli.bulk.csv_reader import parse_csv
from outreply_cli.bulk.export import undo_calendar
from outreply_cli.bulk.yaml_reader import parse_yaml
from outreply_cli.commands.bulk.template import template
from outreply_cli.journal.models import EntryState, JournalEntry
from outreply_cli.posts.content import PostContent, validate_content
from tests.fuzzing.target import Refused, Target

_NOWHERE = Path("/nonexistent/calendar")
_WHEN = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)
_ROWS_CHECKED = 50


def _check_csv(data: bytes) -> None:
    _check(data, parse_csv)


def _check_yaml(data: bytes) -> None:
    _check(data, parse_yaml)


def _check(data: bytes, parse: Callable[[Calendar, bytes], None]) -> None:
    calendar = Calendar("c", _NOWHERE)
    parse(calendar, data)
    # The last three are line breaks only in YAML.
    lines = 2 + sum(map(data.count, (b"\n", b"\r", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xc2\x85")))
    assert len(calendar.rows) <= len(data)
    assert all(1 <= row.line <= lines for row in calendar.rows)
    for problem in calendar.problems:
        assert 0 <= problem.line <= lines
        assert problem.message.strip()
        assert problem.text.startswith("c")
    if calendar.problems:
        raise Refused
    for row in calendar.rows[:_ROWS_CHECKED]:
        assert row.pages
        assert row.scheduled_at.strip()
        if not any(not problem.is_warning for problem in validate_content(row.content, "tiktok")):
            check_content(row.content)


def check_content(content: PostContent) -> None:
    """Check that valid content can be sent as JSON, exported and loaded, with LF at line ends."""
    body = content.body("1", _WHEN)
    json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    reloaded = Calendar("again", _NOWHERE)
    parse_csv(reloaded, undo_calendar([_entry(content)]).encode())
    assert [problem.text for problem in reloaded.problems] == []
    (row,) = reloaded.rows
    # The export escapes what could be read as a separator of URLs.
    urls = tuple(url.replace(";", "%3B").replace(",", "%2C") for url in content.media_urls)
    assert row.content.media_urls in {content.media_urls, urls}
    assert row.content == content._replace(
        message=_with_lf(content.message),
        first_comment=_with_lf(content.first_comment),
        link=_with_lf(content.link),
        media_urls=row.content.media_urls,
        tiktok_settings=content.tiktok_settings or None,
    )


def _with_lf(text: str | None) -> str | None:
    return text and text.replace("\r\n", "\n").replace("\r", "\n")


def _entry(content: PostContent) -> JournalEntry:
    return JournalEntry(
        id=1, account="a", calendar="c", row="r", generation=1, page_id="1", scheduled_at=_WHEN,
        body=content.body("1", _WHEN), fingerprint="", idempotency_key="",
        state=EntryState.CANCELLED, sent_at=None, attempted_at=None, token=None, post_id="p",
        replaces=None, error_code=None, error=None,
    )  # fmt: skip


_CSV = template("csv", _WHEN).encode()
_YAML = template("yaml", _WHEN).encode()
_ALL_CSV = (
    b"key,page,scheduled_at,timezone,text,media_files,media_ids,media_urls,first_comment,link,"
    b"tiktok_settings\n"
    b'k,tiktok:a;x:b,2026-12-24T18:00+01:00,Asia/Tokyo,"a ""b""\r\nc",a.jpg;b.png,m1;m2,'
    b'"https://e.com/a.jpg\nhttps://e.com/b.jpg",one,https://e.com,'
    b'"{""privacy_level"": ""SELF_ONLY"", ""n"": [1, 2.5, null, true]}"\n'
)
_ALL_YAML = b"""\
timezone: Asia/Tokyo
defaults: {page: [tiktok:a, "x:b"], timezone: UTC, link: "https://e.com"}
posts:
- key: k
  scheduled_at: 2026-12-24T18:00+01:00
  message: >-
    a
    b
  media_files: [a.jpg]
  media_ids: [m1, m2]
  media_urls: "https://e.com/a.jpg"
  first_comment: 'it''s'
  tiktok_settings: {privacy_level: SELF_ONLY, n: [1, 2.5, null, yes, 0x1F, 1_000, 12:30, 2026-1-2]}
"""
_JSON = json.dumps(
    {
        "timezone": "UTC",
        "posts": [
            {
                "page": "1", "scheduled_at": "2026-12-24 18:00", "message": "é\ud83c\udf31",
                "tiktok_settings": {"a": [1.5, "x"]},
            }
        ],
    }
).encode()  # fmt: skip
_FIELDS = [name.encode() for name in FIELDS]
TARGETS = (
    Target(
        "calendar-csv",
        _check_csv,
        [
            _CSV, _ALL_CSV, codecs.BOM_UTF8 + _CSV, _CSV.replace(b",", b"\t"),
            _ALL_CSV.replace(b";", b" ").replace(b",", b";"), _CSV.decode().encode("utf-16"),
            _CSV.replace(b"\n", b"\r\n"), _CSV.replace(b"\n", b"\r"), b"sep=,\n" + _CSV,
            _CSV.replace(b",", b", "),
            b"page,date,time,message,\na,2026-12-24,18:00,Hi,\n",
            b"Date,Caption,Image,Channel\n2026-12-24 18:00,Hi,https://e.com/a,x:a\n",
        ],
        [*_FIELDS, b'""', b'",', b"page_id", b"https://e.com/a;b.jpg", b'{"a": NaN}',
         b'"{""a"": ""\\ud800""}"', b"\n\n", b",,",
         b', "', b"#NAME?", b"sep=;\n", codecs.BOM_UTF8, b"https://e.com/a,https://e.com/b"],
    ),
    Target(
        "calendar-yaml",
        _check_yaml,
        [_YAML, _ALL_YAML, _JSON, b"posts: []", b"posts: [{page: a, scheduled_at: b}]"],
        [*_FIELDS, b"&a ", b"*a", b"<<: ", b"!!int ", b"!!float ", b"!!bool ", b"!!timestamp ",
         b"!!binary ", b"!!set ", b"!!omap ", b"!!python/object:os.system ", b"|\n  ", b"? ",
         b"--- ", b"...\n", b"'\\0'", b'"\\ud800"', b'"\\0"', b".nan", b".inf", b"~", b"- ",
         b"%YAML 1.1\n", b'"https://e.com/a;b.jpg"', b"2026-99-99", b"[" * 30,
         b" #launch", b"\n   #launch", b"! "],
    ),
)  # fmt: skip
