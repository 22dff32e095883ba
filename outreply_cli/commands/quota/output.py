"""Output of the commands of `outreply quota`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from outreply_cli.formats.sanitize import sanitize
from outreply_cli.quota.quota import Quota, whole_percent
from outreply_cli.spec.limits import MEGABYTE
from outreply_cli.times import format_time_short
from outreply_cli.timestamps import format_timestamp

if TYPE_CHECKING:
    from outreply_cli.quota.forecast import QuotaForecast
    from outreply_cli.quota.guardrail_usage import GuardrailUsage, WindowUsage

NOW = "now"


@dataclass(frozen=True)
class Meter:
    """Use of one limit, formatted: `-` when unlimited or unknown.

    `group` is the heading above the limit, and `note` has details for wide terminals.
    """

    group: str
    name: str
    used: str
    limit: str
    remaining: str
    share: float | None
    note: str = ""

    @property
    def label(self) -> str:
        """Name without a heading above it, such as `publishes this month`."""
        return self.name if self.group == NOW else f"{self.name} {self.group}"

    @property
    def percent(self) -> str:
        """Used share such as `17%`, rounded down so that 100% means all."""
        return "-" if self.share is None else f"{whole_percent(self.share)}%"


def quota_meters(
    quota: Quota, usages: "Sequence[GuardrailUsage]", requests_left: str | None, zone: ZoneInfo
) -> Iterator[Meter]:
    """Yield a meter for each limit: quotas, storage, rate limits, guardrails."""
    for bucket in quota.buckets:
        used, limit, left = map(_figure, (bucket.used, bucket.limit, bucket.remaining))
        yield Meter("this month", bucket.name, used, limit, left, bucket.share, _note(left))
    if quota.storage is not None:
        storage = quota.storage
        used, limit, left = map(_megabytes, (storage.used, storage.limit, storage.remaining))
        yield Meter(NOW, "storage (MB)", used, limit, left, storage.share, _note(left))
    if quota.per_minute is not None:
        yield _rate_meter(quota.per_minute, requests_left)
    if quota.per_day is not None:
        yield Meter(NOW, "requests per day", "-", _figure(quota.per_day), "-", None)
    windows = [(usage, window) for usage in usages for window in usage.windows]
    # Brands come last: their only window is a day, like the longest window of pages.
    windows.sort(key=lambda pair: (pair[0].page_id is None, pair[1].length))
    yield from (_window_meter(usage, window, zone) for usage, window in windows)


def usage_object(usage: "GuardrailUsage") -> dict[str, Any]:
    """Return the guardrail usage of a page or brand as a JSON object."""
    return {
        "name": usage.name,
        "page_id": usage.page_id,
        "windows": [
            {
                "hours": window.length.total_seconds() / 3600,
                "used": window.used,
                "limit": window.limit,
                "peak": window.peak,
                "peak_at": format_timestamp(window.peak_at) if window.peak_at else None,
            }
            for window in usage.windows
        ],
    }


def forecast_objects(forecast: "QuotaForecast") -> list[dict[str, Any]]:
    """Return the forecast of each monthly quota as a JSON object."""
    return [
        {
            "bucket": item.bucket.name,
            "used": item.bucket.used,
            "limit": item.bucket.limit,
            "remaining": item.bucket.remaining,
            "per_day": round(item.per_day, 2),
            "at_reset": item.at_reset,
            "runs_out_at": format_timestamp(item.runs_out_at) if item.runs_out_at else None,
            "resets_at": format_timestamp(forecast.resets_at),
        }
        for item in forecast.forecasts
    ]


def _window_meter(usage: "GuardrailUsage", window: "WindowUsage", zone: ZoneInfo) -> Meter:
    hours = window.length.total_seconds() / 3600
    note = ""
    if window.peak_at is not None and window.peak > window.used:
        note = f"peak {window.peak} on {format_time_short(window.peak_at, zone)}"
    group = "per hour" if hours == 1 else f"per {hours:.0f} hours"
    return Meter(
        group=group if usage.page_id is not None else f"{group}, whole brand",
        name=sanitize(usage.name),
        used=_figure(window.used),
        limit=_figure(window.limit),
        remaining=_figure(max(0, window.limit - window.used)),
        share=window.used / window.limit if window.limit else 1.0,
        note=note,
    )


def _rate_meter(per_minute: int, requests_left: str | None) -> Meter:
    left = int(requests_left) if requests_left and requests_left.isdecimal() else None
    used = None if left is None else max(0, per_minute - left)
    share = None if used is None or not per_minute else used / per_minute
    return Meter(
        NOW, "requests per minute", _figure(used), _figure(per_minute), _figure(left), share
    )


def _note(left: str) -> str:
    return "" if left == "-" else f"{left} left"


def _figure(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _megabytes(value: int | None) -> str:
    return "-" if value is None else f"{value / MEGABYTE:,.1f}"
