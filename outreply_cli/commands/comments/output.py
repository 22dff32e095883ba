"""Output of the commands of `outreply comments`."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from outreply_cli.times import format_duration, format_time_short
from outreply_cli.timestamps import parse_timestamp
from outreply_cli.ui.output import Column, Item, Output
from outreply_cli.ui.sanitize import sanitize

if TYPE_CHECKING:
    from outreply_cli.comments.inbox import PostComments
    from outreply_cli.comments.threads import ThreadedComment

_QUOTED_CHARACTERS = 50


class CommentView:
    """Shows comments.

    Args:
        output: Where to.
        zone: Whose time is shown.
        now: The present.
    """

    def __init__(self, output: Output, zone: ZoneInfo, now: datetime) -> None:
        self._output, self._zone, self._now = output, zone, now

    def show(self, groups: "Sequence[PostComments]") -> None:
        """Show the comments of posts, each post's below it; a list of them for programs."""
        items = [(group, [item_of(group, one) for one in group.threads]) for group in groups]
        is_looked_at = self._output.is_terminal and self._output.format == "table"
        if not is_looked_at or self._output.quiet or self._output.fields is not None:
            self._output.print_list([one for _, some in items for one in some], self._columns())
            return
        from outreply_cli.ui.tables import print_groups

        headed = [(self.heading(group), some) for group, some in items]
        print_groups(self._output, headed, self._columns()[1:])

    def show_new(self, item: Item) -> None:
        """Show one that has just come in."""
        if self._output.format == "table" and not self._output.quiet:
            cells = [column.text(item) for column in self._columns()]
            self._output.print_text(("  " if self._output.is_terminal else "\t").join(cells))
        elif self._output.quiet:
            self._output.print_list([item], self._columns())
        else:
            self._output.write_json(dict(item))
        self._output.stream.flush()

    def heading(self, group: "PostComments") -> str:
        """A post on one line."""
        waiting = f"{group.unanswered} unanswered" if group.unanswered else ""
        when = self._when(group.post, "published_at")
        parts = [group.alias, when, waiting, quoted(str(group.post.get("message") or ""))]
        return sanitize("  ".join(part for part in parts if part))

    def age(self, item: Item) -> str:
        """How long ago a comment was written, in its largest unit: `2h ago`."""
        try:
            span = self._now - parse_timestamp(str(item.get("created_at")))
        except ValueError:
            return ""
        return f"{format_duration(span).split()[0]} ago" if span.total_seconds() >= 1 else "now"

    def _columns(self) -> list[Column]:
        return [
            Column("Post", "post_id"),
            Column("", "answered", self._mark, style=_mark_style),
            Column("ID", "id"),
            Column("When", "created_at", self._when_and_age, short=self.age),
            Column("Who", "author.username", who, shrinkable=True),
            Column("Replies", "replies_count", _replies),
            Column("Message", "message", self._message, shrinkable=True),
        ]

    def _mark(self, item: Item) -> str:
        if self._output.plain or not self._output.is_terminal:
            return "waits" if item["waits"] else ""
        return "●" if item["waits"] else " "

    def _message(self, item: Item) -> str:
        depth = item["depth"] if self._output.is_terminal else 0
        return "  " * min(depth, 8) + str(item.get("message") or "")

    def _when_and_age(self, item: Item) -> str:
        shown = self._when(item, "created_at")
        return f"{shown}, {self.age(item)}" if self._output.is_terminal else shown

    def _when(self, item: Item, field: str) -> str:
        try:
            return format_time_short(parse_timestamp(str(item.get(field))), self._zone)
        except ValueError:
            return ""


def item_of(group: "PostComments", placed: "ThreadedComment") -> dict[str, Any]:
    """The API's own object, and what we know of it: its page, depth and answer."""
    return {
        **placed.comment,
        "page": group.alias,
        "depth": placed.depth,
        "answered": placed.is_answered,
        "ours": placed.is_ours,
        "waits": placed.needs_reply,
    }


def who(item: Item) -> str:
    """Who wrote a comment."""
    author = item.get("author")
    if not isinstance(author, dict):
        return ""
    return f"@{author['username']}" if author.get("username") else str(author.get("name") or "")


def quoted(message: str) -> str:
    """The beginning of a text in quotation marks; nothing for an empty one."""
    text = " ".join(message[: 4 * _QUOTED_CHARACTERS].split())
    if not text:
        return ""
    return f'"{text}"' if len(text) <= _QUOTED_CHARACTERS else f'"{text[:_QUOTED_CHARACTERS]}…"'


def _replies(item: Item) -> str:
    count = item.get("replies_count")
    return f"{count} replies" if isinstance(count, int) and count > 1 else "1 reply" * (count == 1)


def _mark_style(item: Item) -> str:
    return "yellow" if item["waits"] else ""
