"""What a request costs does not grow with the posts there are, counted in the database's steps."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from outreply_cli.emulator.server import EmulatorServer

# Out of reach of the guardrails, which look a day ahead and behind.
START = 1_795_435_200 + 30 * 86_400


class Meter:
    """The emulator over HTTP, with the steps that its database took for each request."""

    def __init__(self, emulator: EmulatorServer) -> None:
        self.emulator = emulator
        headers = {"X-API-Key": emulator.token}
        self.http = httpx.Client(base_url=emulator.base_url, headers=headers, trust_env=False)
        rows = emulator.state.connection.execute("SELECT id FROM pages ORDER BY platform")
        self.busy, self.quiet = (row[0] for row in rows.fetchmany(2))
        self.day = 0

    def steps(self, ask: Callable[["Meter"], httpx.Response]) -> int:
        taken = 0

        def count() -> int:
            nonlocal taken
            taken += 1
            return 0

        # The background thread looks for what is due meanwhile: the least of some is the request.
        found = []
        for _ in range(3):
            self.emulator.state.connection.set_progress_handler(count, 1)
            taken = 0
            answer = ask(self)
            found.append(taken)
            self.emulator.state.connection.set_progress_handler(None, 0)
            assert answer.is_success, answer.text
        return min(found)

    def fill(self, posts: int) -> None:
        with self.emulator.state.transaction() as db:
            db.executemany(
                "INSERT INTO posts (id, page_id, status, scheduled_at, published_at, remote_id, "
                "permalink, created_at, media) VALUES (?, ?, ?, ?, ?, ?, '', 0, '[]')",
                [
                    (f"{status}{n}", self.busy, status, START + 600 * n,
                     n if status == "published" else None, f"{status}{n}")
                    for n in range(posts) for status in ("scheduled", "published", "failed")
                ],
            )  # fmt: skip

    def schedule(self) -> httpx.Response:
        # Two days apart, for the same reason.
        self.day += 2
        at = f"2026-12-{self.day:02}T12:00:00Z"
        body = {"page_id": self.quiet, "message": "x", "scheduled_at": at}
        return self.http.post("/posts/schedule", json=body)


@pytest.fixture
def meter(emulator: EmulatorServer) -> Iterator[Meter]:
    meter = Meter(emulator)
    yield meter
    meter.http.close()


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda m: m.http.get("/pages"), id="GET /pages"),
        pytest.param(lambda m: m.http.get("/posts/scheduled"), id="GET /posts/scheduled"),
        pytest.param(
            lambda m: m.http.get("/posts/published", params={"page_id": m.quiet}),
            id="GET /posts/published?page_id=",
        ),
        pytest.param(
            lambda m: m.http.get("/posts/scheduled", params={"page_id": m.quiet}),
            id="GET /posts/scheduled?page_id=",
        ),
        pytest.param(lambda m: m.schedule(), id="POST /posts/schedule"),
        pytest.param(lambda m: m.http.get(f"http://127.0.0.1:{m.emulator.port}/"), id="the page"),
    ],
)
def test_ten_thousand_posts_cost_no_more_than_a_hundred(
    meter: Meter, ask: Callable[[Meter], httpx.Response]
) -> None:
    meter.fill(100)
    few = meter.steps(ask)
    with meter.emulator.state.transaction() as db:
        db.execute("DELETE FROM posts WHERE page_id = ?", (meter.busy,))
    meter.fill(3_400)
    assert meter.steps(ask) <= 1.2 * few
