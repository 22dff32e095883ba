"""Output of the commands of `outreply analytics`."""

from collections.abc import Iterator, Sequence
from typing import Any

from outreply_cli.ui.columns import Column, Item
from outreply_cli.ui.fields import get_field
from outreply_cli.ui.output import Output

_BAR_WIDTH = 16
# On a narrower terminal, bars would break each row into several lines.
_WIDTH_WITH_BARS = 100
_PLOT_HEIGHT = 10
# A longer series is shown by parts of several days.
_MAX_LINES = 31
_CSV_ONLY = ("since", "until", "likes", "comments", "shares", "total_engagement", "days",
             "days_truncated")  # fmt: skip


def number_column(header: str, field: str, form: str) -> Column:
    """Return a column of numbers in a format such as `,`; empty where they are unknown."""

    def format_figure(item: Item) -> str:
        value = get_field(item, field)
        return "" if value is None else f"{value:{form}}"

    return Column(header, field, format_figure)


def bar_column(output: Output, field: str, items: Sequence[Item]) -> list[Column]:
    """Return a column of bars, on a terminal that can show them."""
    widest = max((abs(item[field] or 0) for item in items), default=0) or 1
    return [
        Column("", "bar", lambda item: "█" * round(_BAR_WIDTH * abs(item[field] or 0) / widest))
    ] * output.can_draw


def figure_columns(output: Output, items: Sequence[Item]) -> list[Column]:
    """Return the columns of pages, brands and posts."""
    before = [
        number_column("Growth before", "previous.growth", "+,"),
        number_column("Engagement before", "previous.engagement", ","),
        number_column("Rate before", "previous.engagement_rate", ".2%"),
    ]
    return [
        Column("ID", "id", csv_only=True),
        Column("Kind", "kind"),
        Column("Name", "name", shrinkable=True),
        number_column("Followers", "followers", ","),
        number_column("Growth", "growth", "+,"),
        Column("Posts", "posts"),
        number_column("Engagement", "engagement", ","),
        *(bar_column(output, "engagement", items) if output.width >= _WIDTH_WITH_BARS else []),
        number_column("Rate", "engagement_rate", ".2%"),
        Column("Days", "days_measured", lambda item: f"{item['days_measured']} of {item['days']}"),
        *(before if any(item["previous"] for item in items) else []),
        *(Column(name, name, csv_only=True) for name in _CSV_ONLY),
    ]


def print_series(output: Output, series: Sequence[Item]) -> None:
    """Draw followers and engagement by day, with gaps as gaps: curves with `plotext`, else bars."""
    try:
        import plotext
    except ImportError:
        rows = list(_parts(series))
        columns = [Column(name.capitalize(), name) for name in rows[0] if name != "gained"]
        output.print_list(rows, columns + bar_column(output, "gained", rows))
        return
    from outreply_cli.analytics.report import split_at_gaps

    for name in ("followers", "engagement"):
        values = [day[name] for day in series]
        figure = plotext.figure
        figure.clear()
        figure.plot_size(output.width, _PLOT_HEIGHT)
        for start, run in split_at_gaps(values):
            days = range(start, start + len(run))
            figure.draw(figure.signal(list(days), run, marker="braille").lines(len(run) > 1))
        last = len(series) - 1
        figure.ruler("x").lim(0, last)
        figure.ruler("x").ticks([0, last], [series[0]["date"], series[last]["date"]])
        figure.title(name.capitalize())
        output.print_line(plotext.uncolorize(str(figure.build())))


def _parts(series: Sequence[Item]) -> Iterator[dict[str, Any]]:
    size = -(-len(series) // _MAX_LINES)
    for start in range(0, len(series), size):
        part = series[start : start + size]
        followers = [day["followers"] for day in part if day["followers"] is not None]
        gains = [day["engagement"] for day in part if day["engagement"] is not None]
        yield {
            "date": " to ".join(dict.fromkeys((part[0]["date"], part[-1]["date"]))),
            "followers": f"{followers[-1]:,}" if followers else "gap",
            "measured": f"{len(followers)} of {len(part)}",
            "engagement": f"{sum(gains):+,}" if gains else "",
            "gained": sum(gains) if gains else None,
        }
