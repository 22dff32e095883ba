"""The report: a self-contained HTML page, or CSV with a line per page and day."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from outreply_cli import __version__
from outreply_cli.analytics.best_times import explain_shortage, find_best_times
from outreply_cli.analytics.figures import Period
from outreply_cli.analytics.store import AnalyticsStore
from outreply_cli.analytics.summary import SERIES, Subject
from outreply_cli.formats.csv import csv_lines
from outreply_cli.net.html import render_document
from outreply_cli.times import format_time

_COLUMNS = ("date", "kind", "id", "name", *SERIES)
_TOP_POSTS = 10
_TOP_HOURS = 5
_HEIGHT = 100.0


def split_at_gaps(values: Sequence[int | None]) -> list[tuple[int, list[int]]]:
    """Return the runs of known values, each with the index of its first one."""
    runs: list[tuple[int, list[int]]] = []
    for index, value in enumerate(values):
        if value is not None:
            if index == 0 or values[index - 1] is None:
                runs.append((index, []))
            runs[-1][1].append(value)
    return runs


def render_html(
    store: AnalyticsStore,
    subjects: Sequence[Subject],
    items: Sequence[Mapping[str, Any]],
    period: Period,
    created_at: datetime,
) -> str:
    """Return the report as a document; `items` are the JSON objects of the subjects."""
    sections = []
    for subject, item in zip(subjects, items, strict=True):
        posts = [post.to_dict(period, with_days=False) for post in subject.posts(period)]
        posts.sort(key=lambda post: -(post["total_engagement"] or 0))
        page = subject.histories[0].page
        hours = find_best_times(store, page, period.zone) if subject.kind == "page" else []
        sections.append({
            "item": item,
            "charts": [
                _chart("Followers", [day["followers"] for day in item["series"]]),
                _chart("Engagement by day", [day["engagement"] for day in item["series"]],
                       bars=True),
            ],
            "posts": posts[:_TOP_POSTS],
            "hours": [hour for hour in hours if hour["ranked"]][:_TOP_HOURS],
            "shortage": explain_shortage(hours),
        })  # fmt: skip
    return render_document(
        "analytics_report.html", sections=sections, items=items, zone=period.zone.key,
        created_at=format_time(created_at.replace(microsecond=0), period.zone),
        version=__version__,
    )  # fmt: skip


def render_csv(items: Iterable[Mapping[str, Any]]) -> str:
    """Return a line per page and day, with empty cells where a figure is unknown."""
    rows: list[Sequence[str]] = [_COLUMNS]
    for item in items:
        for day in item["series"]:
            cells = (day["date"], item["kind"], item["id"], item["name"],
                     *(day[name] for name in SERIES))  # fmt: skip
            rows.append(["" if cell is None else str(cell) for cell in cells])
    return "".join(csv_lines(rows))


def is_csv_report(content: bytes) -> bool:
    """Return whether a file has the columns of a report."""
    return content.startswith(",".join(_COLUMNS).encode())


def _chart(title: str, values: Sequence[int | None], *, bars: bool = False) -> dict[str, Any]:
    """Return the shapes of a chart that is one unit wide per day, and 100 high."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0), max(known, default=0)
    bottom, top = (min(low, 0), max(high, 0)) if bars else (low, high)

    def y(value: float) -> float:
        return round(_HEIGHT - _HEIGHT * (value - bottom) / ((top - bottom) or 1), 2)

    lines, dots = [], []
    for start, run in split_at_gaps(values):
        points = [(start + offset + 0.5, y(value)) for offset, value in enumerate(run)]
        if len(points) == 1:
            dots += points
        lines.append(" ".join(f"{at:g},{height:g}" for at, height in points))
    return {
        "title": title,
        "low": low if known else None,
        "high": high if known else None,
        "width": len(values),
        "gaps": [index for index, value in enumerate(values) if value is None],
        "lines": [] if bars else lines,
        "dots": [] if bars else dots,
        "bars": [
            (index, min(y(value), y(0)), round(abs(y(value) - y(0)), 2))
            for index, value in enumerate(values)
            if bars and value is not None
        ],
    }
