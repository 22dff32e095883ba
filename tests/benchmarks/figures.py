"""What a benchmark yields, and the one table that shows it."""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

COLUMNS = ("what", "ratio", "baseline", "goal", "growth", "peak memory")


@dataclass(frozen=True)
class Growth:
    """How a cost grows with the amount of work.

    Attributes:
        times: The cost of the larger amount, as a multiple of that of the smaller.
        amounts: Both amounts in words, such as `1,000 to 10,000 rows`.
    """

    times: float
    amounts: str


@dataclass(frozen=True)
class Figure:
    """One line: a ratio to something that the same run measured.

    Attributes:
        name: What was measured.
        ratio: To the baseline.
        baseline: What it is a multiple of.
        goal: What the ratio should reach; None where it only informs.
        direction: Which side of the goal is the good one.
        growth: From N to 10 N, where it makes sense.
        peak_mb: The most memory that the process took.
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
        """Whether the ratio is on the good side of its goal."""
        if self.goal is None:
            return True
        return self.ratio <= self.goal if self.direction == "at most" else self.ratio >= self.goal

    def cells(self) -> tuple[str, ...]:
        """What the table shows, column by column."""
        goal = "" if self.goal is None else f"{self.direction} {self.goal:g}"
        growth = "" if self.growth is None else f"{self.growth.times:.2f} × {self.growth.amounts}"
        return (
            self.name,
            f"{self.ratio:.2f} ×",
            self.baseline,
            goal if self.reaches_goal else f"{goal}: missed",
            growth,
            "" if self.peak_mb is None else f"{self.peak_mb:.0f} MB",
        )


# What one benchmark does; with `quick` over small amounts, to see that it works.
Benchmark = Callable[[bool], Iterator[Figure]]


def table(figures: Sequence[Figure]) -> str:
    """The figures as a table that reads well at a terminal and is Markdown."""
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

    A goal that is missed is shown and is no failure: the machine may be busy.

    Args:
        benchmarks: All there are, by name.
        words: The command line.

    Returns:
        0, or 1 when a benchmark broke; the others were carried out all the same.
    """
    parser = argparse.ArgumentParser(description="Figures, each a ratio to a named baseline.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(benchmarks)}")
    parser.add_argument("--json", metavar="FILE", help="write them as JSON too; - for stdout alone")
    parser.add_argument("--quick", action="store_true", help="small amounts, to see that it works")
    asked = parser.parse_args(words)
    unknown = [name for name in asked.names if name not in benchmarks]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; choose of: {', '.join(benchmarks)}")
    figures: list[Figure] = []
    broken = []
    for name in asked.names or benchmarks:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            found = _in_its_own_process(benchmarks[name], quick=asked.quick)
        except Exception as failure:  # noqa: BLE001 - the others' figures are still wanted
            print(f"{name} broke: {failure!r}", file=sys.stderr)
            broken.append(name)
            continue
        # Goals are for whole amounts.
        figures += [replace(each, goal=None) for each in found] if asked.quick else found
    text = json.dumps([_as_json(figure) for figure in figures], indent=2, ensure_ascii=False)
    if asked.json == "-":
        print(text)
    else:
        print(table(figures))
        if asked.json is not None:
            Path(asked.json).write_text(text + "\n", encoding="utf-8")
    return 1 if broken else 0


def _in_its_own_process(benchmark: Benchmark, *, quick: bool) -> list[Figure]:
    # The most memory that an earlier one took would hide what this one takes.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_all_of, benchmark, quick=quick).result()


def _all_of(benchmark: Benchmark, *, quick: bool) -> list[Figure]:
    return list(benchmark(quick))


def _as_json(figure: Figure) -> dict[str, object]:
    return {**asdict(figure), "reaches_goal": figure.reaches_goal}
