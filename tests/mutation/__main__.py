"""`python -m tests.mutation [MODULE…]`: change the pure modules, and see if their tests notice.

mutmut makes each change in a copy of this repository and runs the tests that reach it. It changes
functions and methods, but neither decorated ones, such as properties, nor constants of modules.

Needs `pip install -e '.[test,mutation]'`. It installs click, which makes httpx import more than it
needs, so use a separate environment.
"""

import configparser
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROCESSES = 2
TESTS = {
    "outreply_cli/api/resend.py": ("tests/api/test_resend.py",),
    "outreply_cli/api/retry.py": ("tests/api/test_retry.py",),
    "outreply_cli/webhooks/signature.py": ("tests/webhooks/test_signature.py",),
    "outreply_cli/posts/guardrails.py": ("tests/posts/test_limits.py",),
    "outreply_cli/bulk/plan.py": ("tests/bulk/test_plan.py",),
    "outreply_cli/bulk/matching.py": ("tests/bulk/test_matching.py",),
    "outreply_cli/posts/rules.py": ("tests/posts/test_rules.py",),
    "outreply_cli/spec/platform_rules.py": ("tests/spec/test_platform_rules.py",),
    "outreply_cli/spec/rule_kinds.py": (
        "tests/posts/test_rules.py",
        "tests/spec/test_platform_rules.py",
    ),
    "outreply_cli/times.py": ("tests/test_times.py",),
    "outreply_cli/timestamps.py": ("tests/test_times.py",),
    "outreply_cli/time_parser.py": ("tests/test_time_parser.py", "tests/test_times.py"),
}
# As in mutmut: pytest exits with 1 or 3 if a test noticed the change, and with 0 if none did.
_RESULTS = {0: "survived", 1: "killed", 3: "killed", 5: "no tests", 33: "no tests", 36: "timed out",
            24: "timed out", -24: "timed out", 152: "timed out", 255: "timed out"}  # fmt: skip


# The same generated examples for each mutant, and none for those who read a failure.
_PROFILE = """
from hypothesis import Phase
settings.register_profile(
    "mutation", settings.get_profile("untimed"), derandomize=True, phases=(Phase.generate,)
)
settings.load_profile("mutation")
"""


def run(module: str, directory: Path) -> Counter[str]:
    """Test the mutants of a module in an empty directory, and print those that survive."""
    for name in ("outreply_cli", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, directory / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", directory)
    with (directory / "tests" / "conftest.py").open("a") as file:
        file.write(_PROFILE)
    config = configparser.ConfigParser()
    config["mutmut"] = {
        "source_paths": "outreply_cli",
        "only_mutate": module,
        "pytest_add_cli_args_test_selection": "\n".join(TESTS[module]),
    }
    with (directory / "setup.cfg").open("w") as file:
        config.write(file)
    mutmut = Path(sys.executable).with_name("mutmut")
    done = subprocess.run(
        [mutmut, "run", "--max-children", str(PROCESSES)],
        cwd=directory, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stdout[-5_000:] + done.stderr)
    exit_codes = json.loads((directory / "mutants" / f"{module}.meta").read_text())
    results = {
        mutant: _RESULTS.get(code, f"exit code {code}")
        for mutant, code in exit_codes["exit_code_by_key"].items()
    }
    for mutant, result in results.items():
        if result not in {"killed", "timed out"}:
            shown = [mutmut, "show", mutant]
            print(subprocess.check_output(shown, cwd=directory, text=True))
    return Counter(results.values())


def main() -> None:
    """Test the modules named on the command line, or all; print survivors, then a table."""
    lines = []
    for module in sys.argv[1:] or TESTS:
        with tempfile.TemporaryDirectory(prefix="outreply-mutation-") as directory:
            results = run(module, Path(directory))
        total = results.total()
        noticed = results["killed"] + results["timed out"]
        counts = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
        lines.append(f"{module}: {noticed / total:.1%} of {total} mutants ({counts})")
        print(lines[-1], flush=True)
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
