"""All checks of the packages: `python -m tests.packaging [PYTEST'S OPTIONS…]`.

Needs `pip install -e '.[test,lint,packaging]'`, and a package index for wheelhouse and bounds.
"""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    checks = sorted(str(path) for path in Path(__file__).parent.glob("check_*.py"))
    sys.exit(pytest.main(["-n", "0", "--durations=0", "-vv", *sys.argv[1:], *checks]))
