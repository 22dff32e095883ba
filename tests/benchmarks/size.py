"""Loading and planning a calendar of 10,000 rows, compared to `list(csv.DictReader(f))`.

`python -m tests.benchmarks.size`

Each run is a process, from start to exit; figures are medians.
"""

import csv
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl

from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer
from tests.benchmarks.figures import Figure, Growth, main
from tests.benchmarks.processes import peak_mb, run

_BASELINE = "`list(csv.DictReader(f))`"
_PLANNING = "`bulk schedule --dry-run`"
# 100,000 rows exceed the monthly quota, which is exit code 2.
_CODES = (0, 2)
_MESSAGE = (
    "Row {n}: the workshop is open on Saturday from nine to five; bring the wobbly chair, "
    "and stay for coffee while the glue dries. Twelve benches, one very old lathe."
)


@dataclass(frozen=True)
class Cost:
    """Median duration of a process and its peak memory."""

    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Costs:
    """Costs of one calendar."""

    plain: Cost
    checking: Cost
    planning: Cost
    warning: Cost
    workbook: Cost


# A post on it breaks no platform rule.
_PAGE = "twitter:bluebird"
# Has no guardrails, but requires a video: each row has a warning.
_WARNING_PAGE = "youtube:bluebirdathome"


def write_rows(path: Path, rows: int, page: str = _WARNING_PAGE) -> None:
    """Write a calendar over the 75-day horizon."""
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    step = timedelta(days=74) / rows
    with path.open("w", encoding="utf-8") as stream:
        stream.write("key,page,scheduled_at,timezone,message,media_urls,first_comment\n")
        for n in range(rows):
            at = (first + n * step).replace(microsecond=0).isoformat()
            message = _MESSAGE.format(n=n)
            stream.write(f'k{n},{page},{at},Europe/Paris,"{message}",,\n')


def write_workbook(path: Path, rows: int) -> None:
    """Write the calendar of `write_rows` as a workbook with typed times."""
    text = path.with_suffix(".csv")
    write_rows(text, rows)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Plan")
    with text.open(encoding="utf-8", newline="") as stream:
        for number, cells in enumerate(csv.reader(stream)):
            values: list[object] = [*cells]
            if number:
                values[2] = datetime.fromisoformat(cells[2]).replace(tzinfo=None)
            sheet.append(values)
    book.save(path)


def _checking(path: Path) -> list[str]:
    code = (
        "from outreply_cli.bulk.loader import load_calendar; "
        f"assert not load_calendar({str(path)!r}).problems"
    )
    return [sys.executable, "-c", code]


def measure_process(words: Sequence[str], environ: dict[str, str], runs: int) -> Cost:
    """Measure a process."""
    seconds = [run(words, environ, _CODES).seconds for _ in range(runs)]
    return Cost(statistics.median(seconds), peak_mb(words, environ, _CODES))


def measure_calendar(rows: int, runs: int) -> Costs:
    """Measure a calendar of `rows` rows in all ways."""
    with tempfile.TemporaryDirectory() as name:
        calendar = Path(name) / "calendar.csv"
        plain = f"import csv; list(csv.DictReader(open({str(calendar)!r})))"
        workbook = Path(name) / "calendar.xlsx"
        # Writes the same rows as CSV too.
        write_workbook(workbook, rows)
        valid = Path(name) / "valid.csv"
        write_rows(valid, rows, _PAGE)
        with EmulatorServer(Path(name) / "emulator.db", SystemClock()) as server:
            server.state.connection.execute("UPDATE users SET tier = 'elite'")
            server.state.connection.execute("DELETE FROM posts")
            environ = {
                "PATH": os.environ["PATH"], "HOME": name, "OUTREPLY_API_KEY": server.token,
                "OUTREPLY_BASE_URL": server.base_url, "OUTREPLY_STATE_DIR": f"{name}/state",
                "OUTREPLY_CONFIG_DIR": f"{name}/config",
            }  # fmt: skip

            def measure_planning(path: Path) -> Cost:
                words = ["-m", "outreply_cli", "bulk", "schedule", str(path), "--dry-run"]
                return measure_process([sys.executable, *words], environ, runs)

            return Costs(
                measure_process([sys.executable, "-c", plain], environ, runs),
                measure_process(_checking(calendar), environ, runs),
                measure_planning(valid),
                measure_planning(calendar),
                measure_process(_checking(workbook), environ, runs),
            )


def figures(quick: bool) -> Iterator[Figure]:
    """Ratios of time, and growth of time and memory."""
    runs = 1 if quick else 5
    sizes = [100, 1_000] if quick else [1_000, 10_000, 100_000]
    costs = [measure_calendar(rows, runs) for rows in sizes]
    (few, many), amounts = costs[:2], f"{sizes[0]:,} to {sizes[1]:,} rows"
    yield Figure(
        f"reading and checking {sizes[1]:,} rows", many.checking.seconds / many.plain.seconds,
        _BASELINE, 10.0, growth=Growth(many.checking.seconds / few.checking.seconds, amounts),
        peak_mb=many.checking.peak_mb,
    )  # fmt: skip
    yield Figure(
        f"reading {sizes[1]:,} rows of .xlsx", many.workbook.seconds / many.checking.seconds,
        "the same rows as CSV", 3.0, growth=Growth(many.workbook.seconds / few.workbook.seconds,
                                                   amounts),
        peak_mb=many.workbook.peak_mb,
    )  # fmt: skip
    yield Figure(
        f"{_PLANNING} of {sizes[1]:,} rows", many.planning.seconds / many.plain.seconds,
        _BASELINE, 10.0, growth=Growth(many.planning.seconds / few.planning.seconds, amounts),
        peak_mb=many.planning.peak_mb,
    )  # fmt: skip
    yield Figure(
        f"{_PLANNING} of {sizes[1]:,} rows that each have a warning",
        many.warning.seconds / many.plain.seconds, _BASELINE, 12.0,
        growth=Growth(many.warning.seconds / few.warning.seconds, amounts),
        peak_mb=many.warning.peak_mb,
    )  # fmt: skip
    yield Figure(
        f"its peak memory with {sizes[1]:,} rows", many.planning.peak_mb / few.planning.peak_mb,
        f"with {sizes[0]:,} rows", 2.0, peak_mb=many.planning.peak_mb,
    )  # fmt: skip
    for largest in costs[2:]:
        yield Figure(
            f"{_PLANNING} of {sizes[2]:,} rows that each have a warning",
            largest.warning.seconds / largest.plain.seconds,
            _BASELINE, growth=Growth(largest.warning.seconds / many.warning.seconds,
                                     f"{sizes[1]:,} to {sizes[2]:,} rows"),
            peak_mb=largest.warning.peak_mb,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main({"size": figures}))
