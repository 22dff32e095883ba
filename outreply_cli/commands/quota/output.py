"""Output of the commands of `outreply quota`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from outreply_cli.commands.quota.meters import NOW, Meter
from outreply_cli.spec.limits import MEGABYTE
from outreply_cli.times import format_time_short
from outreply_cli.timestamps import format_timestamp
from outreply_cli.ui.sanitize import sanitize

if TYPE_CHECKING:
    from outreply_cli.quota.guardrail_usage import GuardrailUsage, WindowUsage
    from outreply_cli.quota.quota import Bucket, Quota
    from outreply_cli.quota.snapshot import QuotaForecast


def quota_meters(
    quota: "Quota", uses: "Sequence[GuardrailUsage]", requests_left: str | None, zone: ZoneInfo
) -> list[Meter]:
    """A meter for each limit, in the order people look for them."""
    return list(_meters(quota, uses, requests_left, zone))


def use_object(use: "GuardrailUsage") -> dict[str, Any]:
    """What is used of one page's or brand's guardrails, JSON-ready."""
    return {
        "name": use.name,
        "page_id": use.page_id,
        "windows": [
            {
                "hours": window.length.total_seconds() / 3600,
                "used": window.used,
                "limit": window.limit,
                "fullest": window.fullest,
                "fullest_at": format_timestamp(window.fullest_at) if window.fullest_at else None,
            }
            for window in use.windows
        ],
    }


def forecast_items(outlook: "QuotaForecast") -> list[dict[str, Any]]:
    """The forecasts, JSON-ready but for `instant`, which is `runs_out_at` for people."""
    return [
        {
            "bucket": one.bucket.name,
            "used": one.bucket.used,
            "limit": one.bucket.limit,
            "remaining": one.bucket.remaining,
            "per_day": round(one.per_day, 2),
            "at_reset": one.at_reset,
            "runs_out_at": format_timestamp(one.runs_out_at) if one.runs_out_at else None,
            "resets_at": format_timestamp(outlook.resets_at),
            "instant": one.runs_out_at,
        }
        for one in outlook.forecasts
    ]


def _meters(
    quota: "Quota", uses: "Sequence[GuardrailUsage]", requests_left: str | None, zone: ZoneInfo
) -> Iterator[Meter]:
    for bucket in quota.buckets:
        yield _bucket_meter(bucket)
    if quota.storage is not None:
        stored = quota.storage
        used, limit, left = map(_megabytes, (stored.used, stored.limit, stored.remaining))
        yield Meter(NOW, "storage (MB)", used, limit, left, stored.share, _left(left))
    if quota.per_minute is not None:
        yield _rate_meter(quota.per_minute, requests_left)
    if quota.per_day is not None:
        yield Meter(NOW, "requests a day", "-", _figure(quota.per_day), "-", None)
    windows = [(use, window) for use in uses for window in use.windows]
    # Brands last: their one window is as long as the pages' longest.
    windows.sort(key=lambda pair: (pair[0].page_id is None, pair[1].length))
    yield from (_window_meter(use, window, zone) for use, window in windows)


def _window_meter(use: "GuardrailUsage", window: "WindowUsage", zone: ZoneInfo) -> Meter:
    hours = window.length.total_seconds() / 3600
    note = ""
    if window.fullest_at is not None and window.fullest > window.used:
        note = f"{window.fullest} from {format_time_short(window.fullest_at, zone)}"
    group = "in any hour" if hours == 1 else f"in any {hours:.0f} hours"
    return Meter(
        group=group if use.page_id is not None else f"{group}, whole brand",
        name=sanitize(use.name),
        used=_figure(window.used),
        limit=_figure(window.limit),
        left=_figure(max(0, window.limit - window.used)),
        share=window.used / window.limit if window.limit else 1.0,
        note=note,
    )


def _bucket_meter(bucket: "Bucket") -> Meter:
    used, limit, left = map(_figure, (bucket.used, bucket.limit, bucket.remaining))
    return Meter("this month", bucket.name, used, limit, left, bucket.share, _left(left))


def _rate_meter(per_minute: int, requests_left: str | None) -> Meter:
    left = int(requests_left) if requests_left and requests_left.isdecimal() else None
    used = None if left is None else max(0, per_minute - left)
    share = None if used is None or not per_minute else used / per_minute
    return Meter(NOW, "requests a minute", _figure(used), _figure(per_minute), _figure(left), share)


def _left(figure: str) -> str:
    return "" if figure == "-" else f"{figure} left"


def _figure(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _megabytes(value: int | None) -> str:
    return "-" if value is None else f"{value / MEGABYTE:,.1f}"
