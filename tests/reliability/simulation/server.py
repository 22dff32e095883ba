"""The API of a simulated account: the emulator's rules, with lists and keys as the seed says."""

import io
import json
import sqlite3
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode

from outreply_cli.clock import Clock
from outreply_cli.emulator import state as emulated_state
from outreply_cli.emulator.app import Emulator
from outreply_cli.emulator.clock import EmulatorClock
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.scheduler import process_due
from outreply_cli.emulator.seed import load_seed
from outreply_cli.emulator.seed_file import parse_seed
from outreply_cli.emulator.state import State

BASE_URL = "http://127.0.0.1:1/api/v1"
TOKENS = tuple(f"outreply_live_{letter * 40}" for letter in "abc")
PAGES = ("facebook:acme", "instagram:acme", "twitter:acme")
_SEED = """
accounts:
  - tier: elite
    tokens: [{}]
    brands:
      - name: Acme
        timezone: UTC
        pages:
          - {{platform: facebook, username: acme}}
          - {{platform: instagram, username: acme}}
          - {{platform: twitter, username: acme}}
"""
_LISTS = {"/posts/scheduled": "scheduled_posts", "/posts/published": "published_posts"}
_NO_GUARDRAILS = {
    "perPage": {code: {"perHour": None, "per24h": None} for code in ("FB", "IG", "TW")},
    "minGapBetweenSchedulesMs": 0,
    "perBrandPer24hSafetyNet": 100_000,
}


@dataclass(frozen=True)
class ServerRules:
    """Behavior of a seed's server where the reference leaves it open.

    Attributes:
        lag: Seconds for which lists show posts as they were.
        list_limit: Maximum posts in a list; the reference says 100.
        has_cursors: Whether lists say if there is more, and return the rest by a cursor.
        ignores_keys: Whether `Idempotency-Key` has no effect.
        trims_text: Whether texts are stored without outer blanks.
        has_guardrails: Whether posts of a page must be a minute apart.
    """

    lag: float = 0.0
    list_limit: int = 100
    has_cursors: bool = False
    ignores_keys: bool = False
    trims_text: bool = False
    has_guardrails: bool = True


class ServerResponse(NamedTuple):
    """A response of the server."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class StoredPost:
    """A post, as it was created; times are Unix times."""

    id: str
    message: str
    page_id: str
    scheduled_at: float
    created_at: float
    created_by: str | None
    view: dict[str, Any]
    cancelled_at: float | None = None
    cancelled_by: str | None = None
    published_at: float | None = None


class SimulatedServer:
    """One account on a server.

    Attributes:
        posts: All posts ever made, by ID.
    """

    def __init__(self, clock: Clock, rules: ServerRules) -> None:
        self.rules = rules
        self.posts: dict[str, StoredPost] = {}
        self._clock = clock
        self._state, self._emulator = _emulator()
        # Making another emulator would take as long as twenty requests.
        self._state.connection.close()
        self._state.connection = _copy_account()
        self._state.clock = EmulatorClock(clock, self._state.connection)
        self._emulator._endpoints._rate.clear()

    def respond(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        *,
        body: bytes,
        run: str,
    ) -> ServerResponse:
        """Carry out a request of `run`, and return the response."""
        list_name = _LISTS.get(path) if method == "GET" else None
        if list_name is not None:
            return self._list(path, list_name, query, headers)
        if self.rules.ignores_keys:
            headers = {name: headers[name] for name in headers if name != "idempotency-key"}
        if self.rules.trims_text and method == "POST":
            values = json.loads(body)
            values["message"] = values["message"].strip()
            body = json.dumps(values).encode()
        response = self._call(method, path, query, headers, body)
        if path == "/account" and response.status == 200 and not self.rules.has_guardrails:
            account = json.loads(response.body)
            account["quota"]["publish_guardrails"] = _NO_GUARDRAILS
            return response._replace(body=json.dumps(account).encode())
        is_replay = any(name == "Idempotency-Replayed" for name, _ in response.headers)
        if response.status < 300 and not is_replay:
            self._remember(method, path, response.body, run)
        return response

    def cancel_elsewhere(self, post_id: str) -> None:
        """Cancel a post as the dashboard does."""
        with self._state.transaction() as db:
            db.execute("UPDATE posts SET status = 'cancelled' WHERE id = ?", (post_id,))
        self.posts[post_id].cancelled_at = self._clock.now().timestamp()

    def publish_due(self) -> None:
        """Publish what is due."""
        now = self._clock.now()
        with self._state.transaction() as db:
            process_due(self._state, now)
            rows = db.execute("SELECT id, published_at FROM posts WHERE published_at IS NOT NULL")
            for row in rows.fetchall():
                self.posts[row["id"]].published_at = row["published_at"]

    def _remember(self, method: str, path: str, body: bytes, run: str) -> None:
        now = self._clock.now().timestamp()
        if method == "POST" and path == "/posts/schedule":
            view = json.loads(body)["scheduled_post"]
            self.posts[view["id"]] = StoredPost(
                view["id"], view["message"], view["page_id"],
                datetime.fromisoformat(view["scheduled_at"]).timestamp(), now, run, view,
            )  # fmt: skip
        elif method == "DELETE" and path.startswith("/posts/scheduled/"):
            post = self.posts[path.rpartition("/")[2]]
            post.cancelled_at, post.cancelled_by = now, run

    def _list(self, path: str, name: str, query: str, headers: dict[str, str]) -> ServerResponse:
        values = {key: found[-1] for key, found in parse_qs(query).items()}
        size = min(int(values.pop("limit", "50")), self.rules.list_limit)
        start = int(values.pop("cursor", "0"))
        response = self._call("GET", path, urlencode(values | {"limit": "100"}), headers, b"")
        if response.status != 200:
            return response
        items = self._delay(json.loads(response.body)[name], name, values.get("page_id"))
        page: dict[str, Any] = {name: items[start : start + size]}
        if self.rules.has_cursors:
            page["has_more"] = start + size < len(items)
            page["cursor"] = str(start + size) if page["has_more"] else None
        return response._replace(body=json.dumps(page).encode())

    def _delay(
        self, items: list[dict[str, Any]], name: str, page_id: str | None
    ) -> list[dict[str, Any]]:
        """Return a list as it was some seconds ago."""
        lag = self.rules.lag
        if not lag:
            return items
        then = self._clock.now().timestamp() - lag
        if name == "published_posts":
            return [item for item in items if _timestamp(item["published_at"]) <= then]
        shown = [item for item in items if self.posts[item["id"]].created_at <= then]
        shown += [
            post.view
            for post in self.posts.values()
            if post.created_at <= then
            and page_id in {None, post.page_id}
            and (
                post.cancelled_at > then
                if post.cancelled_at is not None
                else then < post.scheduled_at <= then + lag
            )
        ]
        return sorted(shown, key=lambda item: str(item["scheduled_at"]))

    def _call(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> ServerResponse:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": f"/api/v1{path}",
            "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "1",
            "HTTP_HOST": "127.0.0.1:1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": headers.get("content-type", ""),
            "HTTP_AUTHORIZATION": headers.get("authorization", ""),
        }  # fmt: skip
        if "idempotency-key" in headers:
            environ["HTTP_IDEMPOTENCY_KEY"] = headers["idempotency-key"]
        with ExitStack() as stack:
            if not self.rules.has_guardrails:
                stack.enter_context(patch("outreply_cli.emulator.posts.check_guardrails", _accept))
            response = self._emulator(environ)
        return ServerResponse(response.status, response.header_list, response.body)


class _NoNames:
    """A resolver that is never called."""

    def resolve(self, hosts: list[str], seconds: float) -> dict[str, None]:
        return dict.fromkeys(hosts)


_NO_NAMES: Any = _NoNames()
_NO_WORKER: Any = None


@cache
def _emulator() -> tuple[State, Emulator]:
    """Return the one emulator of this process and its state, in memory."""
    connection = _connect()
    connection.executescript(emulated_state._FILE.statements)
    with patch.object(emulated_state, "open_state", lambda _: connection):
        state = State(Path("memory"), _START, EmulatorConfig(seed=1, is_lenient=True))
    # Nothing is delivered, and no name is looked up.
    return state, Emulator(state, _NO_WORKER, _NO_NAMES, admin_key="")


@cache
def _account() -> sqlite3.Connection:
    """Return an account, in memory."""
    connection = _connect()
    connection.executescript(emulated_state._FILE.statements)
    with patch.object(emulated_state, "open_state", lambda _: connection):
        state = State(Path("memory"), _START, EmulatorConfig(seed=1, is_lenient=True))
    tokens = ", ".join(f'{{token: {token}, scopes: ["*"]}}' for token in TOKENS)
    with state.transaction():
        load_seed(state, parse_seed(_SEED.format(tokens), "simulation"))
    return connection


def _copy_account() -> sqlite3.Connection:
    connection = _connect()
    _account().backup(connection)
    return connection


def _connect() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def _accept(*_: object, **__: object) -> None:
    """Accept every post."""


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class _Start:
    """The clock that the account is made by."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Return at once."""

    def random(self) -> float:
        return 0.5


_START = _Start()
