"""`bulk schedule --dry-run` of 10,000 and 100,000 rows beside `list(csv.DictReader(f))`.

`python -m tests.benchmarks.size [--rows 10000]`
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from outreply_cli.clock import SystemClock
from outreply_cli.emulator.server import EmulatorServer

_RUNS = 5
_MESSAGE = (
    "Row {n}: the workshop is open on Saturday from nine to five; bring the wobbly chair, "
    "and stay for coffee while the glue dries. Twelve benches, one very old lathe."
)


def write_rows(path: Path, rows: int) -> None:
    """A calendar over the whole 75-day horizon of a page without guardrails of its own."""
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    step = timedelta(days=74) / rows
    with path.open("w", encoding="utf-8") as stream:
        stream.write("key,page,scheduled_at,timezone,message,media_urls,first_comment\n")
        for n in range(rows):
            moment = (first + n * step).replace(microsecond=0).isoformat()
            message = _MESSAGE.format(n=n)
            stream.write(f'k{n},youtube:bluebirdathome,{moment},Europe/Paris,"{message}",,\n')


def median_seconds(words: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """The median of several runs, and the peak memory in MB of the last one."""
    seconds, peak = [], 0.0
    for _ in range(_RUNS):
        began = time.perf_counter()
        process = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - began)
        process.returncode = os.waitstatus_to_exitcode(status)
        # 100,000 rows exceed what any two brands may publish: all of that is told, with exit 2.
        assert process.returncode in {0, 2}
        peak = usage.ru_maxrss / 1024
    return statistics.median(seconds), peak


def measure(rows: int) -> dict[str, Any]:
    """Both times, their ratio, and the peak memory in MB."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        calendar = root / "calendar.csv"
        write_rows(calendar, rows)
        with EmulatorServer(root / "emulator.db", SystemClock()) as server:
            server.state.connection.execute("UPDATE users SET tier = 'elite'")
            environ = {
                "PATH": os.environ["PATH"], "HOME": name, "OUTREPLY_API_KEY": server.token,
                "OUTREPLY_BASE_URL": server.base_url, "OUTREPLY_STATE_DIR": f"{name}/state",
                "OUTREPLY_CONFIG_DIR": f"{name}/config",
            }  # fmt: skip
            program = f"import csv; list(csv.DictReader(open({str(calendar)!r})))"
            base, _ = median_seconds([sys.executable, "-c", program], environ)
            words = [sys.executable, "-m", "outreply_cli", "bulk", "schedule", str(calendar),
                     "--dry-run"]  # fmt: skip
            ours, peak = median_seconds(words, environ)
    return {
        "rows": rows, "baseline": "list(csv.DictReader(f)), interpreter included",
        "ratio": round(ours / base, 2), "seconds": round(ours, 3), "peak_mb": round(peak, 1),
    }  # fmt: skip


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    print(json.dumps(measure(parser.parse_args().rows)))


if __name__ == "__main__":
    main()
