"""Output of the commands of `outreply comments`."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from outreply_cli.formats.sanitize import sanitize
from outreply_cli.formats.text import quote
from outreply_cli.times import format_duration, format_time_short
from outreply_cli.timestamps import timestamp_or_none
from outreply_cli.ui.columns import Column, Item
from outreply_cli.ui.output import Output

if TYPE_CHECKING:
    from outreply_cli.comments.inbox import PostComments
    from outreply_cli.comments.threads import ThreadedComment


class CommentView:
    """Prints comments, with times in `zone` and ages relative to `now`."""

    def __init__(self, output: Output, zone: ZoneInfo, now: datetime) -> None:
        self._output, self._zone, self._now = output, zone, now

    def show(self, groups: "Sequence[PostComments]") -> None:
        """Print comments: below their posts on a terminal, as a flat list elsewhere."""
        output = self._output
        items = [
            (group, [comment_item(group, comment) for comment in group.threads]) for group in groups
        ]
        is_grouped = output.is_terminal and output.format == "table" and output.fields is None
        if output.quiet or not is_grouped:
            output.print_list([item for _, group in items for item in group], self._columns())
            return
        headed = [(self.heading(group), group_items) for group, group_items in items]
        output.print_groups(headed, self._columns()[1:])

    def show_new(self, item: Item) -> None:
        """Print one comment and flush."""
        if self._output.quiet:
            self._output.print_list([item], self._columns())
        elif self._output.format == "table":
            cells = [column.text(item) for column in self._columns()]
            self._output.print_text(("  " if self._output.is_terminal else "\t").join(cells))
        else:
            self._output.print_data(dict(item))
        self._output.stream.flush()

    def heading(self, group: "PostComments") -> str:
        """Return a post on one line: page, time, unanswered comments and text."""
        parts = [
            group.alias,
            self._time(group.post, "published_at"),
            f"{group.unanswered_count} unanswered" if group.unanswered_count else "",
            quote(str(group.post.get("message") or "")),
        ]
        return sanitize("  ".join(filter(None, parts)))

    def age(self, item: Item) -> str:
        """Return the age of a comment in its largest unit, such as `2h ago`."""
        created_at = timestamp_or_none(item.get("created_at"))
        if created_at is None:
            return ""
        age = self._now - created_at
        return f"{format_duration(age).split()[0]} ago" if age.total_seconds() >= 1 else "now"

    def _columns(self) -> list[Column]:
        return [
            Column("Post", "post_id"),
            Column(
                "", "is_answered", self._mark, style=lambda item: "yellow" * item["needs_reply"]
            ),
            Column("ID", "id"),
            Column("When", "created_at", self._time_and_age, short=self.age),
            Column("Author", "author.username", format_author, shrinkable=True),
            Column("Replies", "replies_count", _replies),
            Column("Message", "message", self._message, shrinkable=True),
        ]

    def _mark(self, item: Item) -> str:
        if self._output.plain or not self._output.is_terminal:
            return "unanswered" if item["needs_reply"] else ""
        return "●" if item["needs_reply"] else " "

    def _message(self, item: Item) -> str:
        depth = item["depth"] if self._output.is_terminal else 0
        return "  " * min(depth, 8) + str(item.get("message") or "")

    def _time_and_age(self, item: Item) -> str:
        time = self._time(item, "created_at")
        return f"{time}, {self.age(item)}" if self._output.is_terminal else time

    def _time(self, item: Item, field: str) -> str:
        time = timestamp_or_none(item.get(field))
        return format_time_short(time, self._zone) if time is not None else ""


def comment_item(group: "PostComments", threaded: "ThreadedComment") -> dict[str, Any]:
    """Return the API's object with its page, depth and reply state."""
    return {
        **threaded.comment,
        "page": group.alias,
        "depth": threaded.depth,
        "is_answered": threaded.is_answered,
        "is_own": threaded.is_own,
        "needs_reply": threaded.needs_reply,
    }


def format_author(item: Item) -> str:
    """Return the author of a comment: `@username`, or the name."""
    author = item.get("author")
    if not isinstance(author, dict):
        return ""
    return f"@{author['username']}" if author.get("username") else str(author.get("name") or "")


def _replies(item: Item) -> str:
    count = item.get("replies_count")
    return f"{count} replies" if isinstance(count, int) and count > 1 else "1 reply" * (count == 1)
