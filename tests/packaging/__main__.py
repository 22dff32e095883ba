"""`python -m tests.packaging [PYTEST OPTIONS…]`: run all checks of the packages.

Needs `pip install -e '.[test,lint,packaging]'` and access to a package index.
"""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    checks = sorted(str(path) for path in Path(__file__).parent.glob("check_*.py"))
    # The checks of a file share environments, and check_bounds takes as long as all others.
    processes = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    sys.exit(pytest.main([*processes, "--durations=0", "-vv", *sys.argv[1:], *checks]))
