"""The one table of all figures, and that what fills it works."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import size
from tests.benchmarks.figures import Figure, Growth, main, table


def sound(quick: bool) -> Iterator[Figure]:
    yield Figure("reading", 2.0, "a bare one", 3.0, growth=Growth(9.5, "1 to 10"), peak_mb=12.4)
    yield Figure("writing", 4.0, "a bare one", 3.0)
    yield Figure("speed", 0.5, "a bare one's", 0.4, "at least")


def broken(quick: bool) -> Iterator[Figure]:
    raise RuntimeError("no such program")


def test_the_table_names_the_baseline_and_tells_a_goal_that_is_missed() -> None:
    assert table(list(sound(quick=False))).splitlines() == [
        "| what    | ratio  | baseline     | goal              | growth         | peak memory |",
        "|---------|--------|--------------|-------------------|----------------|-------------|",
        "| reading | 2.00 × | a bare one   | at most 3         | 9.50 × 1 to 10 | 12 MB       |",
        "| writing | 4.00 × | a bare one   | at most 3: missed |                |             |",
        "| speed   | 0.50 × | a bare one's | at least 0.4      |                |             |",
    ]


def test_a_missed_goal_is_no_failure_and_a_broken_benchmark_is_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main({"sound": sound}, ["--json", str(tmp_path / "figures.json")]) == 0
    kept = json.loads((tmp_path / "figures.json").read_text())
    assert [figure["reaches_goal"] for figure in kept] == [True, False, True]
    assert main({"broken": broken, "sound": sound}, []) == 1
    shown = capsys.readouterr()
    assert "broken broke: RuntimeError('no such program')" in shown.err
    assert "| reading |" in shown.out


def test_small_amounts_are_measured_by_no_goal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"size": size.figures}, ["--quick", "--json", "-"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {figure["goal"] for figure in figures} == {None}
    assert all(figure["ratio"] > 0 for figure in figures)


def test_the_command_knows_its_benchmarks_by_name() -> None:
    words = [sys.executable, "-m", "tests.benchmarks", "nothing"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "startup, size, rate, emulator, webhooks, upload, crash_sweep" in ended.stderr
