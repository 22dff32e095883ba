"""What may stand where a command takes a value."""

from collections.abc import Sequence
from dataclasses import dataclass

from outreply_cli.spec.errors import CATALOGUE
from outreply_cli.spec.limits import EVENTS
from outreply_cli.spec.platforms import PLATFORMS

Words = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Values:
    """What a shell offers in one place.

    Attributes:
        words: Each with what it means, or nothing.
        paths: `files`, `directories`, or neither.
        known: What `outreply __complete` is asked for; empty for nothing.
    """

    words: Words = ()
    paths: str = ""
    known: str = ""

    def __bool__(self) -> bool:
        return bool(self.words or self.paths or self.known)


def _words(*plain: str) -> Values:
    return Values(words=tuple((word, "") for word in plain))


FILES = Values(paths="files")
DIRECTORIES = Values(paths="directories")
SHELLS = ("bash", "zsh", "fish", "powershell")
_EVENTS = Values(words=tuple(EVENTS.items()))
_ZONE = Values(known="zone")
_ZONE_TO_READ_IN = Values(known="reading_zone")
_PAGE = Values(known="page")
_POST = Values(known="post")
_SCHEDULED = Values(known="scheduled")
_PUBLISHED = Values(known="published")
_MEDIA = Values(known="media")
_WEBHOOK = Values(known="webhook")
_BRAND = Values(known="brand")

# By what the command's function calls the parameter, wherever that has one meaning.
_BY_NAME = {
    "profile": Values(known="profile"),
    "output": _words("table", "json", "jsonl", "yaml", "csv", "tsv"),
    "page": _PAGE,
    "platform": Values(words=tuple((each.name, each.label) for each in PLATFORMS)),
    "brand": _BRAND,
    "brand_id": _BRAND,
    "post": _PUBLISHED,
    "post_id": _POST,
    "post_ids": _SCHEDULED,
    "media_id": _MEDIA,
    "media_ids": _MEDIA,
    "webhook": _WEBHOOK,
    "hook": _WEBHOOK,
    "comment": Values(known="comment"),
    "comment_id": Values(known="comment"),
    "event": _EVENTS,
    "events": Values(known="events"),
    "scopes": Values(known="scopes"),
    "code": Values(words=tuple((each.code, each.message) for each in CATALOGUE)),
    "tz": _ZONE,
    "date_order": _words("dmy", "mdy", "ymd"),
    "sort": _words("age", "size", "name", "post"),
    "shell": _words(*SHELLS),
    "method": _words("GET", "POST", "PATCH", "PUT", "DELETE"),
    "media": Values(paths="files", known="attachment"),
    "names": FILES,
    "file": FILES,
    "files": FILES,
    "plan": FILES,
    "report": FILES,
    "ics": FILES,
    "csv": FILES,
    "body_file": FILES,
    "words": FILES,
    "state": DIRECTORIES,
}
# Where the same name means something else.
_BY_PLACE = {
    ("auth switch", "name"): Values(known="profile"),
    ("posts reschedule", "post_id"): _SCHEDULED,
    ("posts schedule", "tz"): _ZONE_TO_READ_IN,
    ("posts reschedule", "tz"): _ZONE_TO_READ_IN,
    ("bulk schedule", "tz"): _ZONE_TO_READ_IN,
    ("bulk plan", "tz"): _ZONE_TO_READ_IN,
    ("bulk status", "tz"): _ZONE_TO_READ_IN,
    ("posts wait", "post_id"): _SCHEDULED,
    ("bulk plan", "output"): FILES,
    ("bulk template", "kind"): _words("yaml", "csv"),
    ("emulator fault add", "kind"): _words(
        "drop-before", "drop-after", "delay:", "status:", "garbage", "truncate", "rate-limit",
        "skew:",
    ),
}  # fmt: skip


def values_of(path: Sequence[str], name: str) -> Values:
    """What may stand for the parameter `name` of the command at `path`."""
    place = (" ".join(path), name)
    return _BY_PLACE.get(place) or _BY_NAME.get(name) or Values()
