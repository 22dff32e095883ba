"""The texts that a program composed for calendar rows without text, kept by row.

A row has the same text in every run. It is known by its key, else by its page and time; one without
a key by its other content as well, so that it keeps its text when its time is edited.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from outreply_cli.bulk.matching import (
    content_digest,
    key_from_name,
    name_from_key,
    without_text,
)
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.journal.models import ComposedText
from outreply_cli.timestamps import format_timestamp


def make_row_texts(calendar: str, posts: Sequence[PlannedPost]) -> dict[int, ComposedText]:
    """Return the stored form of posts whose text is not in the file, by index."""
    counts: Counter[str] = Counter()
    rows = {}
    for index, post in enumerate(posts):
        if not (post.lacks_text or post.row.is_composed):
            continue
        if post.key is not None:
            name = name_from_key(post)
        else:
            stem = f"{post.page_id}@{format_timestamp(post.scheduled_at)}"
            name = f"{stem}#{counts[stem]}"
            counts[stem] += 1
        content = content_digest(without_text(post.body()))
        text = post.row.content.message or ""
        rows[index] = ComposedText(calendar, name, post.scheduled_at, content, text)
    return rows


def find_texts(
    rows: Mapping[int, ComposedText], kept: Sequence[ComposedText], now: datetime
) -> dict[int, ComposedText]:
    """Return the kept text of each of `rows` that has one.

    A row also matches without its calendar, which may have no posts yet, or another name.
    """
    by_name = {(text.calendar, text.row): text for text in kept}
    by_time = {(text.row, text.scheduled_at): text for text in kept}
    found = {
        index: text
        for index, row in rows.items()
        if (
            text := by_name.get((row.calendar, row.row)) or by_time.get((row.row, row.scheduled_at))
        )
    }
    # A row without a key may have been moved, unless its post is published.
    used = {(text.calendar, text.row) for text in found.values()}
    moved: dict[tuple[str, str], list[ComposedText]] = defaultdict(list)
    for name, text in by_name.items():
        if name not in used and text.scheduled_at > now and key_from_name(text.row) is None:
            moved[text.calendar, text.content].append(text)
    for index, row in rows.items():
        candidates = moved[row.calendar, row.content]
        if key_from_name(row.row) is not None:
            # A row that was given a key.
            candidates = [text for text in candidates if text.scheduled_at == row.scheduled_at]
        if index not in found and candidates:
            found[index] = candidates[0]
            moved[row.calendar, row.content].remove(candidates[0])
    return found
