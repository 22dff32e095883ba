"""A pytest plugin that prints the branch coverage of the packages that post and deliver.

`pytest -p tests.branch_coverage -n 4 --dist worksteal`

It counts what runs in the processes of pytest, not the commands that tests start. A line or branch
is observed once and costs nothing later, so that the suite takes about as long as without it.
"""

import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from slipcover import Slipcover, merge_coverage
from slipcover.importer import SlipcoverLoader

PACKAGES = ("bulk", "journal", "posts", "api", "webhooks")
_ROOT = Path(__file__).parent.parent / "outreply_cli"
_NAMES = tuple(f"outreply_cli.{package}." for package in PACKAGES)
_OUTPUT = "branch_coverage"


class _Finder(MetaPathFinder):
    """Finds the modules of the packages before pytest, which would rewrite their assertions."""

    def __init__(self, slipcover: Slipcover) -> None:
        self._slipcover = slipcover

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of the packages, whose loader counts."""
        if not f"{fullname}.".startswith(_NAMES):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, Loader):
            spec.loader = SlipcoverLoader(self._slipcover, spec.loader, spec.origin)
        return spec


class _Plugin:
    def __init__(self) -> None:
        self._slipcover = Slipcover(branch=True, source=[str(_ROOT / name) for name in PACKAGES])
        self._workers: list[dict[str, Any]] = []
        sys.meta_path.insert(0, _Finder(self._slipcover))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = json.dumps(self._slipcover.get_coverage())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        # A worker that crashed has none.
        if output := getattr(node, "workeroutput", {}).get(_OUTPUT):
            self._workers.append(json.loads(output))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        total = self._slipcover.get_coverage()
        for worker in self._workers:
            merge_coverage(total, worker)
        terminalreporter.section("branch coverage")
        for title, packages in [*((name, (name,)) for name in PACKAGES), ("total", PACKAGES)]:
            roots = {_ROOT / name for name in packages}
            files = [
                file["summary"]
                for name, file in total["files"].items()
                if roots & {*Path(name).resolve().parents}
            ]
            covered, missing = (
                sum(file[f"{kind}_lines"] + file[f"{kind}_branches"] for file in files)
                for kind in ("covered", "missing")
            )
            percent = 100 * covered / (covered + missing)
            terminalreporter.line(f"{title:10}{percent:6.1f} %")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Count from before the fixtures import the packages."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Runs of pytest that tests start do not know this plugin.
        os.environ.pop("PYTEST_ADDOPTS", None)
    early_config.pluginmanager.register(_Plugin())
