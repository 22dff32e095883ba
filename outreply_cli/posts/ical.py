"""Posts as an iCalendar file (RFC 5545).

Times are in UTC: they need no time zone definitions, and calendar apps convert them to local time.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from outreply_cli import __version__
from outreply_cli.posts.listing import CalendarPost
from outreply_cli.spec.platforms import platform_label
from outreply_cli.spec.text import normalize_line_endings

_LINE_OCTETS = 75
_SUMMARY_CHARACTERS = 60
# Control characters except tab and LF.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def render_ical(posts: Iterable[CalendarPost], now: datetime) -> str:
    """Render `posts` as an iCalendar file written at `now`.

    The UID of an event depends on the post ID alone, so that another import updates the event.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//outreply-cli//outreply {__version__}//EN",
        "CALSCALE:GREGORIAN",
        "X-WR-CALNAME:OutReply",
    ]
    for post in posts:
        lines += _event(post, now)
    lines.append("END:VCALENDAR")
    return "".join(f"{fold_line(line)}\r\n" for line in lines)


def fold_line(line: str) -> str:
    """Fold `line` into pieces of at most 75 octets, splitting no character (3.1)."""
    pieces, piece, room = [], "", _LINE_OCTETS
    for character in line:
        octets = len(character.encode("utf-8"))
        if octets > room:
            pieces.append(piece)
            # The leading space of a continued line counts.
            piece, room = "", _LINE_OCTETS - 1
        piece += character
        room -= octets
    return "\r\n ".join([*pieces, piece])


def escape_text(text: str) -> str:
    """Escape `text` as a TEXT value (3.3.11) and remove its control characters."""
    kept = _CONTROLS.sub("", normalize_line_endings(text))
    return kept.encode("utf-8", "replace").decode("utf-8").translate(_ESCAPES)


def _event(post: CalendarPost, now: datetime) -> Iterator[str]:
    fields = post.post
    status = str(fields.get("status") or "")
    message = str(fields.get("message") or "")
    label = platform_label(post.platform)
    prefix = "failed: " if status == "failed" else ""
    yield "BEGIN:VEVENT"
    yield f"UID:{escape_text(str(fields.get('id') or fields.get('post_id')))}@outreply"
    yield f"DTSTAMP:{_utc(now)}"
    yield f"DTSTART:{_utc(post.at)}"
    yield f"SUMMARY:{escape_text(f'{prefix}{post.alias}: {_summary(message)}')}"
    yield f"DESCRIPTION:{escape_text(message)}"
    permalink = str(fields.get("permalink") or "")
    if permalink.startswith(("https://", "http://")) and permalink.isascii():
        yield f"URL:{''.join(letter for letter in permalink if '!' <= letter <= '~')}"
    categories = [escape_text(name) for name in (label, post.brand, status) if name]
    yield f"CATEGORIES:{','.join(categories)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _summary(message: str) -> str:
    line = " ".join(message.split()) or "(media)"
    return line if len(line) <= _SUMMARY_CHARACTERS else f"{line[: _SUMMARY_CHARACTERS - 1]}…"


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y%m%dT%H%M%SZ}"
