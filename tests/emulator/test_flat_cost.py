"""The cost of a request, in SQLite steps, does not grow with the number of posts."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from outreply_cli.emulator.server import EmulatorServer

# More than a day away from other posts, so that guardrails ignore these.
START = 1_795_435_200 + 30 * 86_400


class StepCounter:
    """Counts the SQLite steps of requests to the emulator."""

    def __init__(self, emulator: EmulatorServer) -> None:
        self.emulator = emulator
        headers = {"X-API-Key": emulator.token}
        self.http = httpx.Client(
            base_url=emulator.base_url, headers=headers, trust_env=False, verify=False, timeout=60
        )
        rows = emulator.state.connection.execute("SELECT id FROM pages ORDER BY platform")
        self.busy, self.quiet = (row[0] for row in rows.fetchmany(2))
        self.day = 0

    def steps(self, send: Callable[["StepCounter"], httpx.Response]) -> int:
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        # The minimum of three: the delivery worker's queries may be counted too.
        counts = []
        for _ in range(3):
            # Writes what earlier requests have deferred.
            self._set_handler(count)
            steps = 0
            response = send(self)
            counts.append(steps)
            self._set_handler(None)
            assert response.is_success, response.text
        return min(counts)

    def _set_handler(self, handler: Callable[[], int] | None) -> None:
        # In a transaction, which locks out the delivery worker. Otherwise, the worker may hold
        # SQLite's mutex and wait for the GIL, while this thread holds the GIL and waits for the
        # mutex.
        with self.emulator.state.transaction() as db:
            db.set_progress_handler(handler, 1)

    def fill(self, posts: int) -> None:
        with self.emulator.state.transaction() as db:
            db.executemany(
                "INSERT INTO posts (id, page_id, status, scheduled_at, published_at, remote_id, "
                "permalink, created_at, media) VALUES (?, ?, ?, ?, ?, ?, '', 0, '[]')",
                [
                    (f"{status}{number}", self.busy, status, START + 600 * number,
                     number if status == "published" else None, f"{status}{number}")
                    for number in range(posts) for status in ("scheduled", "published", "failed")
                ],
            )  # fmt: skip

    def schedule(self) -> httpx.Response:
        # Two days apart, so that guardrails ignore the other posts.
        self.day += 2
        at = f"2026-12-{self.day:02}T12:00:00Z"
        body = {"page_id": self.quiet, "message": "x", "scheduled_at": at}
        return self.http.post("/posts/schedule", json=body)


@pytest.fixture
def counter(emulator: EmulatorServer) -> Iterator[StepCounter]:
    counter = StepCounter(emulator)
    yield counter
    counter.http.close()


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(lambda counter: counter.http.get("/pages"), id="GET /pages"),
        pytest.param(
            lambda counter: counter.http.get("/posts/scheduled"), id="GET /posts/scheduled"
        ),
        pytest.param(
            lambda counter: counter.http.get("/posts/published", params={"page_id": counter.quiet}),
            id="GET /posts/published?page_id=",
        ),
        pytest.param(
            lambda counter: counter.http.get("/posts/scheduled", params={"page_id": counter.quiet}),
            id="GET /posts/scheduled?page_id=",
        ),
        pytest.param(lambda counter: counter.schedule(), id="POST /posts/schedule"),
        pytest.param(
            lambda counter: counter.http.get(f"http://127.0.0.1:{counter.emulator.port}/"),
            id="dashboard",
        ),
    ],
)
def test_cost_does_not_grow_with_posts(
    counter: StepCounter, send: Callable[[StepCounter], httpx.Response]
) -> None:
    counter.fill(100)
    baseline = counter.steps(send)
    with counter.emulator.state.transaction() as db:
        db.execute("DELETE FROM posts WHERE page_id = ?", (counter.busy,))
    counter.fill(3_400)
    assert counter.steps(send) <= 1.2 * baseline
