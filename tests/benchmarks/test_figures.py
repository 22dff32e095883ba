"""The table of figures, and the benchmark command."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import size
from tests.benchmarks.figures import Figure, Growth, format_table, main


def three_figures(quick: bool) -> Iterator[Figure]:
    yield Figure("reading", 2.0, "baseline", 3.0, growth=Growth(9.5, "1 to 10"), peak_mb=12.4)
    yield Figure("writing", 4.0, "baseline", 3.0)
    yield Figure("speed", 0.5, "other base", 0.4, "at least")


def fail(quick: bool) -> Iterator[Figure]:
    raise RuntimeError("no such program")


def test_table_has_a_row_for_each_figure_and_marks_missed_goals() -> None:
    assert format_table(list(three_figures(quick=False))).splitlines() == [
        "| figure  | ratio  | baseline   | goal              | growth         | peak memory |",
        "|---------|--------|------------|-------------------|----------------|-------------|",
        "| reading | 2.00 × | baseline   | at most 3         | 9.50 × 1 to 10 | 12 MB       |",
        "| writing | 4.00 × | baseline   | at most 3: missed |                |             |",
        "| speed   | 0.50 × | other base | at least 0.4      |                |             |",
    ]


def test_broken_benchmark_exits_1_and_missed_goal_exits_0(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main({"three": three_figures}, ["--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [figure["reaches_goal"] for figure in figures] == [True, False, True]
    assert main({"broken": fail, "three": three_figures}, []) == 1
    output = capsys.readouterr()
    assert "broken failed: RuntimeError('no such program')" in output.err
    assert "| reading |" in output.out


def test_quick_run_has_no_goals(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"size": size.figures}, ["--quick", "--json", "-"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {figure["goal"] for figure in figures} == {None}
    assert all(figure["ratio"] > 0 for figure in figures)


def test_unknown_benchmark_name_is_rejected() -> None:
    words = [sys.executable, "-m", "tests.benchmarks", "nothing"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert (
        "startup, size, rate, emulator, webhooks, upload, analytics, crash_sweep" in result.stderr
    )
