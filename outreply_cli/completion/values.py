"""The values that a shell can offer for each option and argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli.snippets import TOOLS
from outreply_cli.spec.errors import CATALOG
from outreply_cli.spec.limits import EVENTS
from outreply_cli.spec.platforms import PLATFORMS

Words = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ValueSource:
    """The source of the values of one option or argument.

    Attributes:
        words: Fixed words, each with its meaning or an empty string.
        paths: `files`, `directories`, or empty for neither.
        query: The kind of value to look up on this machine; empty for none.
    """

    words: Words = ()
    paths: str = ""
    query: str = ""

    def __bool__(self) -> bool:
        return bool(self.words or self.paths or self.query)

    def as_json(self) -> dict[str, Any]:
        """The source as it stands in the completion specification."""
        return {
            name: value
            for name, value in (
                ("words", dict(self.words)), ("paths", self.paths), ("query", self.query),
            )
            if value
        }  # fmt: skip


def _words(*plain: str) -> ValueSource:
    return ValueSource(words=tuple((word, "") for word in plain))


FILES = ValueSource(paths="files")
DIRECTORIES = ValueSource(paths="directories")
SHELLS = ("bash", "zsh", "fish", "powershell")
_EVENTS = ValueSource(words=tuple(EVENTS.items()))
_ZONE = ValueSource(query="zone")
_INPUT_ZONE = ValueSource(query="input_zone")
_PAGE = ValueSource(query="page")
_POST = ValueSource(query="post")
_SCHEDULED = ValueSource(query="scheduled")
_PUBLISHED = ValueSource(query="published")
_MEDIA = ValueSource(query="media")
_WEBHOOK = ValueSource(query="webhook")
_BRAND = ValueSource(query="brand")

# By parameter name, where a name has one meaning everywhere.
_BY_NAME = {
    "profile": ValueSource(query="profile"),
    "output": _words("table", "json", "jsonl", "yaml", "csv", "tsv"),
    "page": _PAGE,
    "target": _PAGE,
    "platform": ValueSource(words=tuple((platform.name, platform.label) for platform in PLATFORMS)),
    "brand": _BRAND,
    "brand_id": _BRAND,
    "post": _PUBLISHED,
    "post_id": _POST,
    "post_ids": _SCHEDULED,
    "media_id": _MEDIA,
    "media_ids": _MEDIA,
    "webhook": _WEBHOOK,
    "comment": ValueSource(query="comment"),
    "comment_id": ValueSource(query="comment"),
    "event": _EVENTS,
    "events": ValueSource(query="events"),
    "scopes": ValueSource(query="scopes"),
    "code": ValueSource(words=tuple((entry.code, entry.message) for entry in CATALOG)),
    "tz": _ZONE,
    "date_order": _words("dmy", "mdy", "ymd"),
    "sort": _words("age", "size", "name", "post"),
    "shell": _words(*SHELLS),
    "tunnel": _words("cloudflared", "ngrok", "tailscale"),
    "method": _words("GET", "POST", "PATCH", "PUT", "DELETE"),
    "media": ValueSource(paths="files", query="attachment"),
    "names": FILES,
    "file": FILES,
    "files": FILES,
    "plan": FILES,
    "report": FILES,
    "ics": FILES,
    "csv": FILES,
    "html": FILES,
    "body_file": FILES,
    "words": FILES,
    "print_as": _words(*TOOLS),
    "state": DIRECTORIES,
}
# By command and parameter name, where the name means something else.
_BY_COMMAND = {
    ("auth switch", "name"): ValueSource(query="profile"),
    ("posts edit", "clear"): _words("message", "media", "first-comment", "link", "tiktok"),
    ("posts reschedule", "post_id"): _SCHEDULED,
    ("posts schedule", "tz"): _INPUT_ZONE,
    ("slots set", "tz"): _INPUT_ZONE,
    ("slots preview", "tz"): _INPUT_ZONE,
    ("posts reschedule", "tz"): _INPUT_ZONE,
    ("posts retry", "tz"): _INPUT_ZONE,
    ("bulk schedule", "tz"): _INPUT_ZONE,
    ("bulk plan", "tz"): _INPUT_ZONE,
    ("bulk status", "tz"): _INPUT_ZONE,
    ("bulk reconcile", "tz"): _INPUT_ZONE,
    ("bulk cancel", "tz"): _INPUT_ZONE,
    ("bulk check", "tz"): _INPUT_ZONE,
    ("bulk preview", "tz"): _INPUT_ZONE,
    ("bulk approve", "tz"): _INPUT_ZONE,
    ("bulk convert", "tz"): _INPUT_ZONE,
    ("posts wait", "post_id"): _SCHEDULED,
    ("bulk plan", "output"): FILES,
    ("bulk template", "kind"): _words("yaml", "csv", "xlsx"),
    ("emulator fault add", "kind"): _words(
        "drop-before", "drop-after", "delay:", "status:", "garbage", "truncate", "rate-limit",
        "skew:",
    ),
}  # fmt: skip


def source_for(path: Sequence[str], name: str) -> ValueSource:
    """The values of the parameter `name` of the command at `path`."""
    return _BY_COMMAND.get((" ".join(path), name)) or _BY_NAME.get(name) or ValueSource()
