"""`python -m tests.benchmarks [NAME…] [--quick] [--json FILE|-]`: print a table of figures."""

import sys

from tests.benchmarks import analytics, crash_sweep, emulator, rate, size, startup, upload, webhooks
from tests.benchmarks.figures import Benchmark, main

BENCHMARKS: dict[str, Benchmark] = {
    "startup": startup.figures,
    "size": size.figures,
    "rate": rate.figures,
    "emulator": emulator.figures,
    "webhooks": webhooks.figures,
    "upload": upload.figures,
    "analytics": analytics.figures,
    "crash_sweep": crash_sweep.figures,
}

if __name__ == "__main__":
    sys.exit(main(BENCHMARKS))
