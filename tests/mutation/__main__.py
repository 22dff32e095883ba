"""`python -m tests.mutation [MODULE…]`: change the pure modules, and see if their tests notice.

mutmut makes each change in a copy of this repository and runs the tests that reach it, in a fork of
a process that has imported everything. So what no test notices runs once more in a new process, for
functions that are called on import. Decorated functions, such as properties, and constants of
modules are not changed.

Needs `pip install -e '.[test,mutation]'`. It installs click, which makes httpx import more than it
needs, so use a separate environment.
"""

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROCESSES = 2
_SECONDS = 300
TESTS = {
    "outreply_cli/api/resend.py": ("tests/api/test_resend.py",),
    "outreply_cli/api/retry.py": ("tests/api/test_retry.py",),
    "outreply_cli/webhooks/signature.py": ("tests/webhooks/test_signature.py",),
    "outreply_cli/posts/guardrails.py": ("tests/posts/test_limits.py",),
    "outreply_cli/bulk/plan.py": ("tests/bulk/test_plan.py",),
    "outreply_cli/bulk/matching.py": ("tests/bulk/test_matching.py",),
    "outreply_cli/posts/user_rules.py": ("tests/posts/test_user_rules.py",),
    "outreply_cli/spec/platform_rules.py": ("tests/spec/test_platform_rules.py",),
    "outreply_cli/spec/rule_kinds.py": ("tests/spec/test_rule_kinds.py",),
    "outreply_cli/times.py": ("tests/test_times.py",),
    "outreply_cli/timestamps.py": ("tests/test_times.py",),
    "outreply_cli/time_parser.py": ("tests/test_time_parser.py", "tests/test_times.py"),
}
_NOTICED = ("killed", "timeout")
# The same generated examples for each mutant; failing ones need not be made smaller.
_PROFILE = """
from hypothesis import Phase
settings.register_profile(
    "mutation", settings.get_profile("untimed"), derandomize=True,
    phases=(Phase.explicit, Phase.generate),
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
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    done = subprocess.run(
        [mutmut, "run", "--max-children", str(PROCESSES)],
        cwd=directory, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stdout[-5_000:] + done.stderr)
    listed = subprocess.check_output([mutmut, "results", "--all", "1"], cwd=directory, text=True)
    results = dict(line.strip().split(": ") for line in listed.splitlines())
    unnoticed = [mutant for mutant, result in results.items() if result not in _NOTICED]
    with ThreadPoolExecutor(PROCESSES) as pool:
        again = pool.map(lambda mutant: run_in_new_process(mutant, module, directory), unnoticed)
        results |= zip(unnoticed, again, strict=True)
    for mutant, result in results.items():
        if result not in _NOTICED:
            shown = [mutmut, "show", mutant]
            print(subprocess.check_output(shown, cwd=directory, text=True))
    return Counter(results.values())


def run_in_new_process(mutant: str, module: str, directory: Path) -> str:
    """Run all tests of a module with a mutant that is active from the start."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", *TESTS[module]],
            cwd=directory / "mutants", env={**os.environ, "MUTANT_UNDER_TEST": mutant},
            check=False, capture_output=True, timeout=_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "timeout"
    return "survived" if done.returncode == 0 else "killed"


def main() -> None:
    """Test the modules named on the command line, or all; print survivors, then a table."""
    lines = []
    for module in sys.argv[1:] or TESTS:
        with tempfile.TemporaryDirectory(prefix="outreply-mutation-") as directory:
            results = run(module, Path(directory))
        total = results.total()
        noticed = sum(results[result] for result in _NOTICED)
        counts = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
        lines.append(f"{module}: {noticed / total:.1%} of {total} mutants ({counts})")
        print(lines[-1], flush=True)
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
