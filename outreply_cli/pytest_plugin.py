"""The pytest plugin: `outreply_emulator`, an emulated OutReply account for one test.

    def test_due_post_is_published(outreply_emulator):
        client = OutReply(outreply_emulator.token, base_url=outreply_emulator.base_url)
        ...
        outreply_emulator.advance("2h")

The clock is frozen: only `advance` moves it, publishes what becomes due and delivers webhooks.
"""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pytest

# pytest imports this module in every run, and the emulator only when a test uses it.
if TYPE_CHECKING:
    from outreply_cli.emulator.config import EmulatorConfig
    from outreply_cli.emulator.server import EmulatorServer

Result = TypeVar("Result")

_MARKER = "outreply_emulator"
_LOG_ROWS = 1_000
# The arguments of the marker that are fields of EmulatorConfig.
_CONFIG_FIELDS = {"seed": "seed", "failure_rate": "failure_rate", "comments": "comments_per_post",
                  "lenient": "is_lenient"}  # fmt: skip
_CHECKS: dict[str, Callable[[Any], bool]] = {
    "seed": lambda value: value is None or type(value) is int,
    "failure_rate": lambda value: type(value) in {int, float} and 0 <= value <= 1,
    "comments": lambda value: type(value) is int and 0 <= value <= 100,
    "lenient": lambda value: type(value) is bool,
}
_ARGUMENTS = ("seed_file", "now", *_CONFIG_FIELDS)


class OutReplyEmulator:
    """An emulated OutReply account, served on a free port of this machine.

    Attributes:
        base_url: The base URL of the API.
    """

    def __init__(self, server: "EmulatorServer") -> None:
        self._server = server
        self.base_url = server.base_url

    @property
    def token(self) -> str:
        """An active token, with full access if there is one; raises EmulatorError without any."""
        from outreply_cli.emulator.errors import EmulatorError

        __tracebackhide__ = True
        tokens = self.request("status")["tokens"]
        if not tokens:
            raise EmulatorError("the emulator has no active token")
        return str(tokens[0]["token"])

    @property
    def now(self) -> datetime:
        """The emulator's time in UTC."""
        return self._server.state.clock.now()

    def advance(
        self, by: timedelta | float | str | None = None, *, to: datetime | str | None = None
    ) -> dict[str, Any]:
        """Move the clock forward, publish what becomes due, and deliver its webhooks.

        Returns once all receivers have responded, so they must run in other threads.

        Args:
            by: A timedelta, seconds, or a text such as `90s`, `2h` or `1h30m`.
            to: The new time instead, such as one in ISO 8601; UTC if it has no offset.

        Returns:
            The new time as `now`, and the number of posts `published` and `failed`, and of
            attempted `deliveries`.

        Raises:
            InvalidInputError: The time is invalid, or before the current one.
        """
        from outreply_cli.errors import InvalidInputError
        from outreply_cli.times import parse_duration

        __tracebackhide__ = True
        if isinstance(by, float) and not math.isfinite(by):
            raise InvalidInputError(f"the number of seconds is invalid: {by}")
        if (by is None) == (to is None):
            raise InvalidInputError('use either advance("2h") or advance(to=TIME)')
        if to is not None:
            return self.request("advance", to=to if isinstance(to, str) else to.isoformat())
        if isinstance(by, str):
            by = _call(parse_duration, by.removeprefix("+"))
        return self.request(
            "advance", seconds=by.total_seconds() if isinstance(by, timedelta) else by
        )

    def deliveries(self) -> list[dict[str, Any]]:
        """The latest 1,000 webhook deliveries, oldest first.

        Each has `id`, `webhook_id`, `event`, `attempts`, the latest `status` and `error`,
        `next_attempt_at` (None once it is accepted or given up), `created_at`, and `attempt_log`
        with the `at`, `status`, `error` and `milliseconds` of every attempt.
        """
        rows: list[dict[str, Any]] = self.request("deliveries", limit=_LOG_ROWS)["deliveries"]
        return rows[::-1]

    def fault(self, text: str, **options: Any) -> int:
        """Inject a fault into the responses to matching requests, until the test ends.

        Args:
            text: `drop-before`, `drop-after`, `delay:SECONDS`, `status:CODE`, `garbage`,
                `truncate`, `rate-limit[:SECONDS]` or `skew:SECONDS`.
            options: `method`, `path` (a pattern such as `/posts/*`), `times` (the maximum number
                of hits), `every` (3 for every third request), `probability` and its `seed`.

        Returns:
            The number of the fault; `request("fault", clear=number)` removes it.

        Raises:
            InvalidInputError: The fault or an option is unknown or invalid.
        """
        __tracebackhide__ = True
        return int(self.request("fault", add=text, options=options)["number"])

    def seed(self, source: Path | str) -> None:
        """Replace the account with that of a seed: a file, or YAML as a string.

        The tokens are replaced too. `outreply emulator seed --export` prints an example.

        Raises:
            InvalidInputError: The file cannot be read, or the seed is invalid.
        """
        __tracebackhide__ = True
        name, text = ("seed", source) if isinstance(source, str) else _call(_read, source)
        self.request("seed", text=text, name=name)

    def request(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation of the emulator's admin API.

        | operation | parameters |
        |---|---|
        | `token` | `name`, `scopes`, `brands`, `ip_allowlist`, `expires_in`: creates a token |
        | `edit-token` | `token`: its name or ID; and the parameters of `token` to change |
        | `collaborator` | `id`, and `action`: `remove`, `downgrade` or `restore` |
        | `rotate-token`, `revoke-token` | `token`: gives it a new secret, or revokes it |
        | `audit` | `limit`, `event`, `denied`: lists authenticated requests and token changes |
        | `comment` | `post_id`, `message`, `name`, `username`: adds a comment to a published post |
        | `rotate`, `enable` | `id`: gives a webhook a new secret, or enables it again |
        | `snapshot` | `save` or `load`, a path |
        | `fault` | `clear`, a number or None for all; without it, lists all faults |
        | `freeze` | `on`: False lets the clock run |
        | `status`, `export`, `reset` | |

        Raises:
            EmulatorError: The emulator refuses.
            EmulatorNotFoundError: A named object does not exist.
            InvalidInputError: A parameter is invalid.
        """
        __tracebackhide__ = True
        return _call(self._server.handle.request, operation, **params)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}({', '.join(_ARGUMENTS)}): options of the fixture outreply_emulator.",
    )


@pytest.fixture
def outreply_emulator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OutReplyEmulator]:
    """An emulated OutReply account with a frozen clock, for one test.

    The marker `outreply_emulator` sets its options; that of a function overrides those of its
    class and module:

        @pytest.mark.outreply_emulator(seed_file="account.yaml", now="2026-11-23T12:00Z")

    seed_file: a seed to load, relative to the test's file. now: the time at the start, by default
    the machine's; the `now` of a seed overrides it. seed: a number that makes IDs, tokens and
    failures the same in every run. failure_rate: the fraction of posts that fail, 0 to 1.
    comments: the number of comments received on each new post. lenient: whether platforms take
    every post that the API accepts, such as text alone on Instagram.
    """
    import tempfile

    from outreply_cli.clock import SystemClock
    from outreply_cli.emulator.server import EmulatorServer
    from outreply_cli.errors import OutReplyError

    arguments = _read_marker(request.node)
    config = _to_config(arguments)
    with (
        tempfile.TemporaryDirectory(
            prefix="outreply-emulator-", dir=tmp_path_factory.getbasetemp()
        ) as directory,
        EmulatorServer(Path(directory) / "emulator.db", SystemClock(), config=config) as server,
    ):
        emulator = OutReplyEmulator(server)
        if arguments.get("seed_file") is not None:
            try:
                emulator.seed(request.path.parent / arguments["seed_file"])
            except OutReplyError as error:
                raise pytest.fail.Exception(str(error), pytrace=False) from None
        yield emulator


def _call(function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """Call a function; the report of a failed test ends at the test's own line."""
    from outreply_cli.errors import OutReplyError

    __tracebackhide__ = True
    try:
        return function(*args, **kwargs)
    except OutReplyError as error:
        if error.hint:
            error.add_note(error.hint)
        raise error.with_traceback(None)  # noqa: B904 - the same error


def _read_marker(node: pytest.Item) -> dict[str, Any]:
    """The arguments of the test's markers; the closest wins."""
    arguments: dict[str, Any] = {}
    for marker in reversed([*node.iter_markers(_MARKER)]):
        unknown = [*map(repr, marker.args), *(set(marker.kwargs) - {*_ARGUMENTS})]
        if unknown:
            pytest.fail(
                f"unknown argument of the marker {_MARKER}: {unknown[0]}\n"
                f"Use: {', '.join(_ARGUMENTS)}",
                pytrace=False,
            )
        arguments |= marker.kwargs
    return arguments


def _to_config(arguments: dict[str, Any]) -> "EmulatorConfig":
    from outreply_cli.emulator.config import EmulatorConfig

    now = arguments.get("now") or datetime.now(UTC).replace(microsecond=0)
    try:
        starts_at = now if isinstance(now, datetime) else datetime.fromisoformat(now)
    except (TypeError, ValueError):
        _fail("now", now)
    for name, is_valid in _CHECKS.items():
        if name in arguments and not is_valid(arguments[name]):
            _fail(name, arguments[name])
    return EmulatorConfig(
        is_frozen=True,
        starts_at=starts_at if starts_at.tzinfo else starts_at.replace(tzinfo=UTC),
        **{field: arguments[name] for name, field in _CONFIG_FIELDS.items() if name in arguments},
    )


def _fail(name: str, value: object) -> NoReturn:
    pytest.fail(f"the argument {name} of the marker {_MARKER} is invalid: {value!r}", pytrace=False)


def _read(path: Path) -> tuple[str, str]:
    """The name and text of a seed file; raises InvalidInputError."""
    import io

    from outreply_cli.ui.files import read_text_file

    return str(path), read_text_file(str(path), io.BytesIO())
