"""Figures that benchmarks yield, and the table that shows them."""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

COLUMNS = ("figure", "ratio", "baseline", "goal", "growth", "peak memory")


@dataclass(frozen=True)
class Growth:
    """Growth of a cost with the amount of work.

    Attributes:
        factor: Cost of the larger amount as a multiple of the cost of the smaller one.
        amounts: Description of both amounts, such as `1,000 to 10,000 rows`.
    """

    factor: float
    amounts: str


@dataclass(frozen=True)
class Figure:
    """A ratio to a baseline measured in the same run.

    Attributes:
        name: Name of the measurement.
        ratio: Ratio to the baseline.
        baseline: Description of the baseline.
        goal: Limit for the ratio, if any.
        direction: Whether the goal is a maximum or a minimum.
        growth: Growth of the cost with the amount of work.
        peak_mb: Peak memory of the process in MB.
    """

    name: str
    ratio: float
    baseline: str
    goal: float | None = None
    direction: Literal["at most", "at least"] = "at most"
    growth: Growth | None = None
    peak_mb: float | None = None

    @property
    def reaches_goal(self) -> bool:
        """Whether the ratio meets its goal."""
        if self.goal is None:
            return True
        return self.ratio <= self.goal if self.direction == "at most" else self.ratio >= self.goal

    def cells(self) -> tuple[str, ...]:
        """Cells of the table row."""
        goal = "" if self.goal is None else f"{self.direction} {self.goal:g}"
        growth = "" if self.growth is None else f"{self.growth.factor:.2f} × {self.growth.amounts}"
        return (
            self.name,
            f"{self.ratio:.2f} ×",
            self.baseline,
            goal if self.reaches_goal else f"{goal}: missed",
            growth,
            "" if self.peak_mb is None else f"{self.peak_mb:.0f} MB",
        )


# A benchmark; `quick` uses small amounts, to check that it works.
Benchmark = Callable[[bool], Iterator[Figure]]


def format_table(figures: Sequence[Figure]) -> str:
    """Format figures as an aligned Markdown table."""
    rows = [COLUMNS, *(figure.cells() for figure in figures)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def main(benchmarks: Mapping[str, Benchmark], words: Sequence[str] | None = None) -> int:
    """Run benchmarks and print their table.

    A missed goal is not a failure, because the machine may be busy.

    Args:
        benchmarks: Benchmarks by name.
        words: Command line.

    Returns:
        0, or 1 if a benchmark failed; the others are run anyway.
    """
    parser = argparse.ArgumentParser(description="Run benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(benchmarks)}")
    parser.add_argument("--json", metavar="FILE", help="also write JSON; - prints only JSON")
    parser.add_argument("--quick", action="store_true", help="use small amounts and no goals")
    arguments = parser.parse_args(words)
    unknown = [name for name in arguments.names if name not in benchmarks]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]}; choose from: {', '.join(benchmarks)}")
    figures: list[Figure] = []
    has_failed = False
    for name in arguments.names or benchmarks:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            results = _run_in_subprocess(benchmarks[name], quick=arguments.quick)
        except Exception as failure:  # noqa: BLE001 - other benchmarks still run
            print(f"{name} failed: {failure!r}", file=sys.stderr)
            has_failed = True
            continue
        # Goals apply only to full runs.
        figures += (
            [replace(figure, goal=None) for figure in results] if arguments.quick else results
        )
    text = json.dumps([_to_json(figure) for figure in figures], indent=2, ensure_ascii=False)
    if arguments.json == "-":
        print(text)
    else:
        print(format_table(figures))
        if arguments.json is not None:
            Path(arguments.json).write_text(text + "\n", encoding="utf-8")
    return 1 if has_failed else 0


def _run_in_subprocess(benchmark: Benchmark, *, quick: bool) -> list[Figure]:
    # In one process, the peak memory of an earlier benchmark would hide a lower one.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_collect, benchmark, quick=quick).result()


def _collect(benchmark: Benchmark, *, quick: bool) -> list[Figure]:
    return list(benchmark(quick))


def _to_json(figure: Figure) -> dict[str, object]:
    return {**asdict(figure), "reaches_goal": figure.reaches_goal}
