"""Fixtures that many tests share: a clock, an emulator, a client and a command line."""

import gc
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from outreply_cli.api.client import Client
from outreply_cli.api.transport import Transport
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.token import Token
from tests.clocks import ManualClock
from tests.command_line import CommandLine
from tests.postgres import make_database, start_server

# Without limits in seconds, which a loaded machine exceeds.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
_TESTS = Path(__file__).parent
_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest creates a private directory in it
_MEMORY_BYTES = 4 * 1024**3


def pytest_configure() -> None:
    """Save work that every process of a run would repeat, and syncs to a disk."""
    # Assertions are rewritten once, not in each worker.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if "TMPDIR" not in os.environ and _has_memory():
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Import a share of all tests first, so that each worker rewrites its own assertions only."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    number = int(worker["workerid"].removeprefix("gw"))
    for path in sorted(_TESTS.rglob("test_*.py"))[number :: worker["workercount"]]:
        # The collection imports a module that fails again, and reports it.
        with suppress(Exception, pytest.skip.Exception), warnings.catch_warnings():
            warnings.simplefilter("error")
            import_module(".".join(path.relative_to(_TESTS.parent).with_suffix("").parts))


def _has_memory() -> bool:
    """Whether temporary files fit in memory, and programs among them run there."""
    return (
        os.access(_MEMORY, os.W_OK)
        and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
        and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put slow tests first in the share of each worker, so that none starts when others end."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    slow: dict[Path, list[pytest.Item]] = {}
    rest: list[pytest.Item] = []
    for item in items:
        is_slow = item.get_closest_marker("slow") is not None
        (slow.setdefault(item.path, []) if is_slow else rest).append(item)
    # The tests of a module stay together: they share fixtures.
    modules = list(slow.values())
    size = -(-len(items) // workers)
    shares = []
    for number in range(workers):
        share = [item for module in modules[number::workers] for item in module]
        # The last share takes the remainder.
        count = max(0, size - len(share)) if number < workers - 1 else len(rest)
        shares += [*share, *rest[:count]]
        del rest[:count]
    items[:] = shares


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting thousands of collected tests again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the exit code and stderr of every command that a failed test ran."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, CommandLine):
                for words, result in value.history[-20:]:
                    title = ascii(f"outreply {' '.join(words)} -> exit code {result.code}")
                    report.sections.append((title, result.err))
                break
    return report


@pytest.fixture(scope="session", autouse=True)
def _stop_ignoring_signals() -> None:
    """Let tests stop commands: background jobs of a script ignore SIGINT, nohup ignores SIGHUP."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def postgres_server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> str:
    """The URL of a PostgreSQL server that all workers share."""
    root = tmp_path_factory.getbasetemp()
    is_worker = hasattr(request.config, "workerinput")
    run = root.parent if is_worker else root
    return start_server(hashlib.sha256(str(run).encode()).hexdigest()[:12])


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database."""
    with make_database(postgres_server) as url:
        yield url


@pytest.fixture
def machine_in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in a zone that tests do not expect times in, where the system can change it."""
    with monkeypatch.context() as context:
        context.setenv("TZ", "Asia/Tokyo")
        if hasattr(time, "tzset"):
            time.tzset()
        yield
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.fixture
def emulator_clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def seeded_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a new emulator; copying it is faster than creating and seeding one."""
    path = tmp_path_factory.mktemp("emulator") / "emulator.db"
    with EmulatorServer(path, ManualClock()):
        pass
    return path


@pytest.fixture
def emulator(
    seeded_state: Path, tmp_path: Path, emulator_clock: ManualClock
) -> Iterator[EmulatorServer]:
    if emulator_clock.now() == ManualClock().now():
        shutil.copy(seeded_state, tmp_path)
    # Most tests send text only, which some platforms refuse.
    config = EmulatorConfig(is_lenient=True)
    with EmulatorServer(tmp_path / "emulator.db", emulator_clock, config=config) as server:
        yield server


@pytest.fixture
def client(emulator: EmulatorServer, emulator_clock: ManualClock) -> Iterator[Client]:
    token = Token(emulator.token)
    transport = Transport(base_url=emulator.base_url, token=token, clock=emulator_clock)
    yield Client(transport)
    transport.close()


@pytest.fixture
def cli_logged_out(tmp_path: Path, emulator_clock: ManualClock) -> CommandLine:
    """A command line with an empty home directory and no account."""
    return CommandLine(tmp_path / "home", emulator_clock)


@pytest.fixture
def cli(cli_logged_out: CommandLine, emulator: EmulatorServer) -> CommandLine:
    """A command line whose environment holds a token of the emulator."""
    cli_logged_out.environ["OUTREPLY_API_KEY"] = emulator.token
    cli_logged_out.environ["OUTREPLY_BASE_URL"] = emulator.base_url
    return cli_logged_out
