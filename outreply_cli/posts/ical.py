"""Posts as an iCalendar file (RFC 5545), for calendars that people look at.

A post is an event at one instant, in UTC: such a time needs no time zone definitions, and whoever
shows it uses the reader's own zone.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from outreply_cli import __version__
from outreply_cli.posts.listing import CalendarPost
from outreply_cli.spec.platforms import platform_named

_LINE_OCTETS = 75
_SUMMARY_CHARACTERS = 60
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


def render_ical(posts: Iterable[CalendarPost], now: datetime) -> str:
    """The file that shows `posts`; `now` is when it was written.

    A post's UID is made of its id alone: it stays the same when the post goes out, is listed by
    another machine, or is written again.
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
    """`line` in pieces of at most 75 octets, none of which splits a character (3.1)."""
    pieces, piece, room = [], "", _LINE_OCTETS
    for character in line:
        octets = len(character.encode("utf-8"))
        if octets > room:
            pieces.append(piece)
            # The space that begins a continued line counts.
            piece, room = "", _LINE_OCTETS - 1
        piece += character
        room -= octets
    return "\r\n ".join([*pieces, piece])


def escape_text(text: str) -> str:
    """`text` as a TEXT value (3.3.11): without control characters, line breaks escaped."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(
        character
        for character in lines
        if character in "\n\t" or not ("\x00" <= character < " " or character == "\x7f")
    )
    return kept.encode("utf-8", "replace").decode("utf-8").translate(_ESCAPES)


def _event(post: CalendarPost, now: datetime) -> Iterator[str]:
    facts = post.post
    status = str(facts.get("status") or "")
    message = str(facts.get("message") or "")
    platform = platform_named(post.platform)
    label = platform.label if platform else post.platform
    state = f"{status}: " if status == "failed" else ""
    yield "BEGIN:VEVENT"
    yield f"UID:{escape_text(str(facts.get('id') or facts.get('post_id')))}@outreply"
    yield f"DTSTAMP:{_utc(now)}"
    yield f"DTSTART:{_utc(post.instant)}"
    yield f"SUMMARY:{escape_text(f'{state}{post.alias}: {_short(message)}')}"
    yield f"DESCRIPTION:{escape_text(message)}"
    permalink = str(facts.get("permalink") or "")
    if permalink.startswith(("https://", "http://")) and permalink.isascii():
        yield f"URL:{''.join(letter for letter in permalink if '!' <= letter <= '~')}"
    yield f"CATEGORIES:{','.join(escape_text(name) for name in (label, post.brand, status) if name)}"
    # A post takes nobody's time.
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _short(message: str) -> str:
    line = " ".join(message.split()) or "(media)"
    return line if len(line) <= _SUMMARY_CHARACTERS else f"{line[: _SUMMARY_CHARACTERS - 1]}…"


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"
