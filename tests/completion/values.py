"""The values that a shell can offer for each option and argument."""

from collections.abc import Sequence
from typing import Any

from outreply_cli.completion.stubs import STUBS
from outreply_cli.snippets import TOOLS
from outreply_cli.spec.errors import CATALOG
from outreply_cli.spec.limits import EVENTS
from outreply_cli.spec.platforms import PLATFORMS
from outreply_cli.ui.output import FORMATS

_WORDS = {
    "calendar_kind": ("yaml", "csv", "xlsx"),
    "clear": ("message", "media", "first-comment", "link", "tiktok"),
    "date_order": ("dmy", "mdy", "ymd"),
    "fault": (
        "drop-before", "drop-after", "delay:", "status:", "garbage", "truncate", "rate-limit",
        "skew:",
    ),
    "method": ("GET", "POST", "PATCH", "PUT", "DELETE"),
    "output": FORMATS,
    "print_as": tuple(TOOLS),
    "shell": tuple(STUBS),
    "sort": ("age", "size", "name", "post"),
    "tunnel": ("cloudflared", "ngrok", "tailscale"),
}  # fmt: skip
_MEANINGS = {
    "code": {entry.code: entry.message for entry in CATALOG},
    "event": EVENTS,
    "platform": {platform.name: platform.label for platform in PLATFORMS},
}
# Looked up on this machine.
_QUERIES = (
    "brand", "comment", "events", "input_zone", "media", "page", "post", "profile", "published",
    "scheduled", "scopes", "webhook", "zone",
)  # fmt: skip
# What the completion specification says about each kind of value.
KINDS: dict[str, dict[str, Any]] = {
    "attachment": {"paths": "files", "query": "attachment"},
    "directories": {"paths": "directories"},
    "files": {"paths": "files"},
    **{kind: {"words": dict.fromkeys(words, "")} for kind, words in _WORDS.items()},
    **{kind: {"words": dict(meanings)} for kind, meanings in _MEANINGS.items()},
    **{kind: {"query": kind} for kind in _QUERIES},
}
# By parameter name, where it is not the name of the kind.
_BY_NAME = {
    "brand_id": "brand", "comment_id": "comment", "media": "attachment", "media_id": "media",
    "media_ids": "media", "post": "published", "post_id": "post", "post_ids": "scheduled",
    "state": "directories", "target": "page", "tz": "zone",
    **dict.fromkeys(
        ("names", "file", "plan", "report", "ics", "csv", "html", "body_file", "words"), "files"
    ),
}  # fmt: skip
# By command and parameter name, where the name means something else.
_BY_COMMAND = {
    ("auth switch", "name"): "profile",
    ("bulk plan", "output"): "files",
    ("bulk template", "kind"): "calendar_kind",
    ("emulator fault add", "kind"): "fault",
    ("posts reschedule", "post_id"): "scheduled",
    ("posts wait", "post_id"): "scheduled",
    **{
        (command, "tz"): "input_zone"
        for command in (
            "posts schedule", "posts reschedule", "posts retry", "slots set", "slots preview",
            "bulk schedule", "bulk plan", "bulk status", "bulk reconcile", "bulk cancel",
            "bulk check", "bulk preview", "bulk approve", "bulk convert",
        )
    },
}  # fmt: skip


def kind_for(path: Sequence[str], name: str) -> str:
    """The kind of the values of a parameter of the command at `path`; empty if it has none."""
    kind = _BY_COMMAND.get((" ".join(path), name)) or _BY_NAME.get(name, name)
    return kind if kind in KINDS else ""
