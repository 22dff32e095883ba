"""Posts checked as the server would, before anything is sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from outreply_cli.posts.content import PostContent, Problem, content_problems, time_problem


def check_posts(
    posts: Sequence[tuple[Mapping[str, Any], PostContent, datetime | None]],
    now: datetime,
    *,
    has_files: bool = False,
) -> list[Problem]:
    """Everything that is wrong with `posts`: pages, what they hold, and when in UTC, if ever.

    `has_files` says that files which are still to be uploaded belong to each of them.
    """
    problems: list[Problem] = []
    for page, content, moment in posts:
        problems += content_problems(content, str(page.get("platform") or ""), has_files=has_files)
        wrong_time = time_problem(moment, now) if moment is not None else None
        if wrong_time is not None:
            problems.append(wrong_time)
    return list(dict.fromkeys(problems))
