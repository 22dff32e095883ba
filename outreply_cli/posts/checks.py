"""Posts checked as the server would, before anything is sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from outreply_cli.posts.content import ContentProblem, PostContent, validate_content, validate_time


def check_posts(
    posts: Sequence[tuple[Mapping[str, Any], PostContent, datetime | None]],
    now: datetime,
    *,
    has_files: bool = False,
) -> list[ContentProblem]:
    """Everything that is wrong with `posts`: pages, what they hold, and when in UTC, if ever.

    `has_files` says that files which are still to be uploaded belong to each of them.
    """
    problems: list[ContentProblem] = []
    for page, content, moment in posts:
        problems += validate_content(content, str(page.get("platform") or ""), has_files=has_files)
        wrong_time = validate_time(moment, now) if moment is not None else None
        if wrong_time is not None:
            problems.append(wrong_time)
    return list(dict.fromkeys(problems))
