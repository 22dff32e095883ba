"""Edits of scheduled posts: what they change, before anything is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from outreply_cli.journal.models import FILES_FIELD, JournalEntry
from outreply_cli.posts.content import PostContent, validate_time
from outreply_cli.spec.limits import SCHEDULE_EARLIEST
from outreply_cli.times import format_duration

_TEXTS = ("message", "first_comment")
_MEDIA = ("media_ids", "media_urls")
# Maximum time between the cancellation of a post and the creation of its edited version: both
# requests may wait for the rate limit.
_EDIT_MARGIN = timedelta(minutes=2)


@dataclass(frozen=True)
class EditablePost:
    """A scheduled post, with all that is needed to create it again.

    Attributes:
        body: Request body that creates it.
        entry: Its journal entry, if it has one.
        has_unknown_settings: Whether it may have TikTok settings, which the API does not return.
    """

    post_id: str
    page_id: str
    platform: str
    scheduled_at: datetime
    body: Mapping[str, Any]
    entry: JournalEntry | None
    has_unknown_settings: bool = False


@dataclass(frozen=True)
class ContentEdit:
    """Changes to the content of a post.

    Attributes:
        fields: New values of fields; an empty one removes the field.
        replacements: Old and new texts; each is replaced, in this order, wherever the message and
            the first comment have it.
        files: Names of files to upload, which then belong to `media_ids`.
    """

    fields: Mapping[str, Any]
    replacements: Sequence[tuple[str, str]] = ()
    files: Sequence[str] = ()

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> "ContentEdit":
        """Return the edit that gives a post the content of an earlier request body."""
        return cls({name: body.get(name) for name in (*PostContent._fields, FILES_FIELD)})

    def apply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the edited request body, without files that are not uploaded yet."""
        edited = {**body, **self.fields}
        if any(name in self.fields for name in _MEDIA) and FILES_FIELD not in self.fields:
            # The field holds the digests of the old files.
            edited.pop(FILES_FIELD, None)
        for name in _TEXTS:
            for old, new in self.replacements:
                if edited.get(name):
                    edited[name] = edited[name].replace(old, new)
        return without_empty(edited)


@dataclass(frozen=True)
class PostEdit:
    """The edit of one post."""

    post: EditablePost
    edit: ContentEdit

    @property
    def body(self) -> dict[str, Any]:
        """Request body of the new post."""
        return self.edit.apply(self.post.body)

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """The fields that differ, each with its values `before` and `after`.

        Media are as in `--media`: `media:ID`, a URL, or the name of a file to upload.
        """
        before = _describe_content(self.post.body)
        after = _describe_content(self.body)
        after["media"] += self.edit.files
        return {
            name: {"before": before[name], "after": after[name]}
            for name in before
            if before[name] != after[name]
        }

    def to_dict(self, new_id: str | None) -> dict[str, Any]:
        """Return the JSON-ready form; `new_id` is None until the new post exists."""
        body = self.body
        return {
            "id": new_id,
            "replaces": self.post.post_id,
            "page_id": self.post.page_id,
            "scheduled_at": body["scheduled_at"],
            "message": body.get("message"),
            "changes": self.changes,
        }


def _describe_content(body: Mapping[str, Any]) -> dict[str, Any]:
    content = PostContent.from_body(body)
    names = ("message", "media", "first_comment", "link", "tiktok_settings")
    return {name: getattr(content, name) for name in names}


def without_empty(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request body without empty fields, which mean the same as missing ones."""
    return {name: value for name, value in body.items() if value not in (None, "", [], {})}


def validate_edit_time(scheduled_at: datetime, now: datetime) -> str | None:
    """Return why a post at `scheduled_at` cannot be edited, if it is due too soon.

    It is created again, at least 10 minutes ahead, after it was cancelled.
    """
    problem = validate_time(scheduled_at, now + _EDIT_MARGIN)
    if problem is None:
        return None
    duration = format_duration(scheduled_at - now)
    return (
        f"due in {duration}; an edited post is created again, which needs at least "
        f"{format_duration(SCHEDULE_EARLIEST + _EDIT_MARGIN)}"
    )
