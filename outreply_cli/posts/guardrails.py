"""The rules that a page's posts break together, found before the server says so.

Reference: Tiers & limits, per-page publish guardrails. Pure: instants in, violations out.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from outreply_cli.spec.limits import BRAND_PUBLISHES_PER_DAY, PAGE_MIN_GAP
from outreply_cli.spec.platforms import platform_named

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)


@dataclass(frozen=True)
class GuardrailLimits:
    """What the server allows; from `/account` where it tells, else from the reference.

    Attributes:
        min_gap: Between two scheduled posts of a page.
        per_brand_day: Publishes of a brand in any 24 hours.
        per_page: By platform code, publishes in any hour and in any 24 hours.
    """

    min_gap: timedelta
    per_brand_day: int
    per_page: Mapping[str, tuple[int | None, int | None]]

    @classmethod
    def from_account(cls, account: Mapping[str, Any] | None) -> "GuardrailLimits":
        """The limits that `GET /account` shows, where it may be read."""
        live = ((account or {}).get("quota") or {}).get("publish_guardrails") or {}
        gap = live.get("minGapBetweenSchedulesMs")
        brand = live.get("perBrandPer24hSafetyNet")
        pages = live.get("perPage")
        return cls(
            min_gap=timedelta(milliseconds=gap) if isinstance(gap, (int, float)) else PAGE_MIN_GAP,
            per_brand_day=brand if isinstance(brand, int) else BRAND_PUBLISHES_PER_DAY,
            per_page={
                str(code): (_figure(caps.get("perHour")), _figure(caps.get("per24h")))
                for code, caps in (pages.items() if isinstance(pages, dict) else ())
                if isinstance(caps, dict)
            },
        )

    def windows_for(self, platform_name: str) -> tuple[tuple[timedelta, int], ...]:
        """`(length, most)` of each rolling window that a page of the platform has."""
        platform = platform_named(platform_name)
        if platform is None:
            return ()
        hour, day = self.per_page.get(platform.code, (platform.per_hour, platform.per_day))
        found = ((_HOUR, hour), (_DAY, day))
        return tuple((length, most) for length, most in found if most is not None)


@dataclass(frozen=True)
class Violation:
    """Posts that break one rule together.

    Attributes:
        rule: In words.
        instants: When they are due.
    """

    rule: str
    instants: tuple[datetime, ...]


def page_violations(
    instants: Sequence[datetime], platform: str, limits: GuardrailLimits
) -> Iterator[Violation]:
    """Every rule that posts of one page at the sorted `instants` break."""
    for earlier, later in pairwise(instants):
        if later - earlier < limits.min_gap:
            seconds = limits.min_gap.total_seconds()
            yield Violation(f"posts of a page must be {seconds:.0f} s apart", (earlier, later))
    for length, most in limits.windows_for(platform):
        yield from _window_violations(instants, length, most, f"{platform} takes")


def brand_violations(instants: Sequence[datetime], limits: GuardrailLimits) -> Iterator[Violation]:
    """Where posts of one brand at the sorted `instants` exceed its safety net."""
    yield from _window_violations(instants, _DAY, limits.per_brand_day, "a brand may have")


def has_capacity(
    instant: datetime, others: Sequence[datetime], platform: str, limits: GuardrailLimits
) -> bool:
    """Whether a page with posts at the sorted `others` may have one more at `instant`."""
    place = bisect_left(others, instant)
    near = others[max(0, place - 1) : place + 1]
    if any(abs(instant - other) < limits.min_gap for other in near):
        return False
    for length, most in limits.windows_for(platform):
        first = bisect_right(others, instant - length)
        last = bisect_left(others, instant + length)
        window = list(others[first:last])
        insort(window, instant)
        if next(_window_violations(window, length, most, ""), None) is not None:
            return False
    return True


def _window_violations(
    instants: Sequence[datetime], length: timedelta, most: int, who: str
) -> Iterator[Violation]:
    last_reported = -1
    for first in range(len(instants) - most):
        last = first + most
        if instants[last] - instants[first] < length and first > last_reported:
            end = bisect_left(instants, instants[first] + length)
            hours = length.total_seconds() / 3600
            rule = f"{who} {most} posts in any {hours:.0f} h, and these are {end - first}"
            yield Violation(rule, tuple(instants[first:end]))
            last_reported = end - 1 - most


def _figure(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
