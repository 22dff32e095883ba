"""Guardrails that several posts of a page or brand violate together.

Reference: Tiers & limits, per-page publish guardrails.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from outreply_cli.spec.limits import BRAND_PUBLISHES_PER_DAY, MIN_PAGE_GAP
from outreply_cli.spec.platforms import find_platform, platform_label

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)


@dataclass(frozen=True)
class GuardrailLimits:
    """Limits from `/account`, or from the reference where it does not return them.

    Attributes:
        min_gap: Minimum time between two scheduled posts of a page.
        per_brand_day: Maximum publishes of a brand in any 24 hours.
        per_page: Maximum publishes of a page in any hour and in any 24 hours, by platform code.
    """

    min_gap: timedelta
    per_brand_day: int
    per_page: Mapping[str, tuple[int | None, int | None]]

    @classmethod
    def from_account(cls, account: Mapping[str, Any] | None) -> "GuardrailLimits":
        """Return the limits in `account` (`GET /account`), if it is known."""
        live = ((account or {}).get("quota") or {}).get("publish_guardrails") or {}
        gap = live.get("minGapBetweenSchedulesMs")
        brand = live.get("perBrandPer24hSafetyNet")
        pages = live.get("perPage")
        return cls(
            min_gap=timedelta(milliseconds=gap)
            if isinstance(gap, (int, float)) and 0 <= gap <= _DAY / timedelta(milliseconds=1)
            else MIN_PAGE_GAP,
            per_brand_day=brand if isinstance(brand, int) else BRAND_PUBLISHES_PER_DAY,
            per_page={
                str(code): (_int_or_none(caps.get("perHour")), _int_or_none(caps.get("per24h")))
                for code, caps in (pages.items() if isinstance(pages, dict) else ())
                if isinstance(caps, dict)
            },
        )

    def windows_for(self, platform_name: str) -> tuple[tuple[timedelta, int], ...]:
        """Return `(length, limit)` of each rolling window of the platform's pages."""
        platform = find_platform(platform_name)
        if platform is None:
            return ()
        hour, day = self.per_page.get(platform.code, (platform.per_hour, platform.per_day))
        windows = ((_HOUR, hour), (_DAY, day))
        return tuple((length, limit) for length, limit in windows if limit is not None)


@dataclass(frozen=True)
class Violation:
    """The times of posts that together violate one rule."""

    rule: str
    times: tuple[datetime, ...]


def page_violations(
    times: Sequence[datetime], platform: str, limits: GuardrailLimits
) -> Iterator[Violation]:
    """Yield the rules that posts of one page at the sorted `times` violate."""
    for earlier, later in pairwise(times):
        if later - earlier < limits.min_gap:
            seconds = limits.min_gap.total_seconds()
            yield Violation(f"posts of a page must be {seconds:.0f} s apart", (earlier, later))
    for length, limit in limits.windows_for(platform):
        yield from _window_violations(times, length, limit, f"{platform_label(platform)} allows")


def brand_violations(times: Sequence[datetime], limits: GuardrailLimits) -> Iterator[Violation]:
    """Yield where posts of one brand at the sorted `times` exceed its daily limit."""
    yield from _window_violations(times, _DAY, limits.per_brand_day, "a brand may have")


def has_capacity(
    time: datetime, others: Sequence[datetime], platform: str, limits: GuardrailLimits
) -> bool:
    """Return whether a page with posts at the sorted `others` may have another one at `time`."""
    index = bisect_left(others, time)
    neighbors = others[max(0, index - 1) : index + 1]
    if any(abs(time - other) < limits.min_gap for other in neighbors):
        return False
    return all(
        _has_window_capacity(time, others, length, limit)
        for length, limit in limits.windows_for(platform)
    )


def has_brand_capacity(time: datetime, others: Sequence[datetime], limits: GuardrailLimits) -> bool:
    """Return whether a brand with posts at the sorted `others` may have another one at `time`."""
    return _has_window_capacity(time, others, _DAY, limits.per_brand_day)


def _has_window_capacity(
    time: datetime, others: Sequence[datetime], length: timedelta, limit: int
) -> bool:
    first = bisect_right(others, time - length)
    last = bisect_left(others, time + length)
    window = list(others[first:last])
    insort(window, time)
    return next(_window_violations(window, length, limit, ""), None) is None


def _window_violations(
    times: Sequence[datetime], length: timedelta, limit: int, subject: str
) -> Iterator[Violation]:
    last_reported = -1
    for first in range(len(times) - limit):
        last = first + limit
        if times[last] - times[first] < length and first > last_reported:
            end = bisect_left(times, times[first] + length)
            hours = length.total_seconds() / 3600
            period = "hour" if hours == 1 else f"{hours:.0f} hours"
            rule = f"{subject} {limit} posts per {period}, but {end - first} are planned"
            yield Violation(rule, tuple(times[first:end]))
            last_reported = end - 1 - limit


def _int_or_none(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
