"""Checks of a calendar without an account, and its posts for a preview."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client
from outreply_cli.bulk.calendar import Calendar, Row, sort_diagnostics
from outreply_cli.bulk.checks import check_page_guardrails
from outreply_cli.bulk.resolve import (
    LAST_ZONE,
    PlannedPost,
    ResolvedRows,
    RowResolver,
    is_in_brand_zone,
)
from outreply_cli.posts.content import Diagnostic
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.spec.limits import SCHEDULE_LATEST
from outreply_cli.spec.platform_rules import RuleSet
from outreply_cli.spec.platforms import PLATFORMS, find_platform
from outreply_cli.spec.token import holds_secret


class OfflineCheck(NamedTuple):
    """The problems of a calendar, and how many of its rows are past, or have to be composed."""

    problems: list[Diagnostic]
    past_rows: int
    composed_rows: int


def check_offline(
    calendar: Calendar,
    *,
    zone: ZoneInfo | None,
    now: datetime,
    rules: RuleSet,
    composes: bool = False,
) -> OfflineCheck:
    """Return the problems of `calendar` that can be found without an account.

    A page is known by its name only: `platform:username` shows its platform. Rows in the past
    are not checked, as published rows are not checked in a run, and no time is too far ahead. So a
    correct file passes on any later day. If a program `composes` texts, rows may have none.
    """
    posts, found, _ = resolve_calendar(
        calendar, None, zone=zone, now=now, rules=rules, may_lack_text=composes
    )
    problems = [*calendar.problems, *found]
    problems += [problem for row in calendar.rows for problem in _page_problems(row)]
    limits = GuardrailLimits.from_account(None)
    # The distance between a time in the zone of a brand and other times is unknown.
    groups: dict[bool, list[PlannedPost]] = {False: [], True: []}
    for post in posts:
        if not post.takes_slot:
            groups[is_in_brand_zone(post.row, calendar, zone)].append(post)
    for group in groups.values():
        problems += check_page_guardrails(group, limits)
    past = find_past_lines(posts, now)
    lines = {post.row.line for post in posts if composes and post.lacks_text}
    kept = sort_diagnostics(leave_out_past(problems, past))
    return OfflineCheck(kept, len(past), len(lines - past))


def resolve_calendar(
    calendar: Calendar,
    client: Client | None,
    *,
    zone: ZoneInfo | None,
    now: datetime,
    rules: RuleSet,
    may_lack_text: bool = False,
) -> ResolvedRows:
    """Return the posts of a calendar for a preview, with or without an account.

    Without an account, a page is known by its name only, and a time in the zone of its brand counts
    as past once it is past in the last zone of the day.
    """
    return RowResolver(
        calendar,
        pages_from_names(calendar) if client is None else client.pages().items,
        zone=zone,
        brand_zone=(lambda _: LAST_ZONE) if client is None else client.brand_zone,
        now=now,
        latest=now + SCHEDULE_LATEST,
        has_secret=holds_secret if client is None else client.transport.holds_secret,
        rules=rules,
        may_lack_text=may_lack_text,
    ).resolve()


def find_past_lines(posts: Sequence[PlannedPost], now: datetime) -> set[int]:
    """Return the lines of the rows all of whose posts are past."""
    coming = {post.row.line for post in posts if post.scheduled_at > now}
    return {post.row.line for post in posts} - coming


def leave_out_past(problems: Iterable[Diagnostic], past: Collection[int]) -> list[Diagnostic]:
    """Return the problems of rows that are not on the lines `past`."""
    return [problem for problem in problems if (problem.row_line or problem.line) not in past]


def pages_from_names(calendar: Calendar) -> list[Mapping[str, Any]]:
    """Return pages with the names in `calendar`; names of one page are the same page."""
    pages = [_make_page(name) for row in calendar.rows for name in _names(row)]
    return list({page["id"]: page for page in pages}.values())


def _names(row: Row) -> Iterator[str]:
    for text in row.pages:
        yield from filter(None, map(str.strip, text.split(",")))


def _make_page(name: str) -> dict[str, str]:
    platform, username = _split_alias(name)
    if platform is None:
        # The name of a platform stands for its only page.
        only = find_platform(name)
        return {"id": name, "name": name, "platform": only.name if only is not None else ""}
    return {"id": f"{platform}:{username}", "platform": platform, "username": username}


def _split_alias(name: str) -> tuple[str | None, str]:
    """Return the platform and user name of `platform:username`; None for other names."""
    prefix, colon, username = name.partition(":")
    platform = find_platform(prefix) if colon else None
    return platform.name if platform else None, username.strip().removeprefix("@").lower()


def _page_problems(row: Row) -> Iterator[Diagnostic]:
    for name in _names(row):
        platform, username = _split_alias(name)
        prefix, colon, rest = name.partition(":")
        if platform is not None and not username:
            yield row.diagnostic("page", f"{name!r} has no user name; write {prefix}:NAME")
        elif platform is None and colon:
            names = [platform.name for platform in PLATFORMS]
            for near in difflib.get_close_matches(prefix.strip().lower(), names, n=1, cutoff=0.75):
                message = f"unknown platform {prefix!r}; did you mean {near}:{rest}?"
                yield row.diagnostic("page", message, is_warning=True)
