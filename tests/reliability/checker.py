"""Check of a history: no row has two posts at any time, and none loses its post.

A history says what happened on the server and what the product reported. Which row a post belongs
to is known from a marker in its text, never from the product.

Two live posts of a row are allowed while one replaces the other: from the creation of the new one
until a run with the same journal, which knows of both, reports the row as done. A run that ended
early, and whose work no later run finished, may leave both: no client can create and cancel in one
step.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

DONE = "done"


@dataclass(frozen=True)
class CalendarVersion:
    """The rows of a calendar from `at` on: what each row's post should be, by the row's name."""

    at: float
    rows: Mapping[str, str]
    calendar: str = "calendar"


@dataclass(frozen=True)
class PostRecord:
    """A post on the server; the runs that made and cancelled it are None for other programs."""

    id: str
    row: str
    content: str
    due_at: float
    created_at: float
    created_by: str | None
    cancelled_at: float | None = None
    cancelled_by: str | None = None
    published_at: float | None = None

    @property
    def live_until(self) -> float:
        """End of the time in which the post is live; a published post stays live."""
        return math.inf if self.cancelled_at is None else self.cancelled_at

    def is_published_at(self, at: float) -> bool:
        """Whether the post is published at `at`."""
        return self.published_at is not None and self.published_at <= at

    def is_live(self, at: float) -> bool:
        """Whether the post is scheduled or published at `at`."""
        return self.created_at <= at < self.live_until


@dataclass(frozen=True)
class RunRecord:
    """A run of the product.

    Attributes:
        version: Index of the version of the calendar that it read.
        journal: Name of the journal that it used: of a machine, until it is lost or restored.
        stopped_at: End of the run; None if it was killed.
        reports: Status that it reported for each row.
        cancels_first: Rows whose post is cancelled before the new one is made, as a guardrail
            requires and the report says.
        is_cancellation: Whether the user asked to cancel all posts.
        planned_at: Time at which its plan was complete.
    """

    id: str
    version: int
    journal: str
    started_at: float
    stopped_at: float | None = None
    reports: Mapping[str, str] = field(default_factory=dict)
    cancels_first: frozenset[str] = frozenset()
    is_cancellation: bool = False
    planned_at: float | None = None


@dataclass(frozen=True)
class History:
    """A history of posts and runs.

    Attributes:
        is_settled: Whether the world is quiet again, and the last run finished everything.
        last_event_at: Time of the last event.
    """

    versions: Sequence[CalendarVersion]
    posts: Sequence[PostRecord]
    runs: Sequence[RunRecord]
    is_settled: bool = False
    last_event_at: float = math.inf


class Violation(NamedTuple):
    """A broken promise."""

    rule: str
    row: str
    at: float
    detail: str


def check(history: History) -> list[Violation]:
    """Return all broken promises, by time."""
    return sorted(_Checker(history).check(), key=lambda found: (found.at, found.rule, found.row))


class _Checker:
    def __init__(self, history: History) -> None:
        self._history = history
        self._runs = {run.id: run for run in history.runs}
        self._posts: dict[str, list[PostRecord]] = defaultdict(list)
        for post in history.posts:
            self._posts[post.row].append(post)

    def check(self) -> Iterator[Violation]:
        for row, posts in self._posts.items():
            posts.sort(key=lambda post: (post.created_at, post.id))
            yield from self._check_known(row, posts)
            for index, later in enumerate(posts):
                for earlier in posts[:index]:
                    yield from self._check_pair(row, earlier, later)
            for post in posts:
                yield from self._check_cancelled(row, post)
        for run in self._history.runs:
            yield from self._check_reports(run)
        if self._history.is_settled:
            yield from self._check_end()

    def _check_known(self, row: str, posts: Sequence[PostRecord]) -> Iterator[Violation]:
        for post in posts:
            run = self._runs.get(post.created_by or "")
            if run is None or self._content(run, row) == post.content:
                continue
            # A run may finish what an earlier one started.
            if all(version.rows.get(row) != post.content for version in self._versions_until(run)):
                detail = f"{post.id} is {post.content}"
                yield Violation("created a post that matches no row", row, post.created_at, detail)

    def _check_pair(self, row: str, earlier: PostRecord, later: PostRecord) -> Iterator[Violation]:
        since, until = later.created_at, min(earlier.live_until, later.live_until)
        if since >= until or self._is_new_row(earlier, later):
            return
        names = f"{earlier.id} and {later.id}"
        if not self._replaces(row, earlier, later):
            yield Violation("two posts", row, since, names)
            return
        for run in self._find_responsible_runs(row, later):
            assert run.stopped_at is not None
            if earlier.is_published_at(run.stopped_at) and later.is_published_at(run.stopped_at):
                # No run was active before both were published.
                return
            if run.stopped_at < until:
                yield Violation("two posts of a row that is done", row, run.stopped_at, names)
                return

    def _find_responsible_runs(self, row: str, post: PostRecord) -> list[RunRecord]:
        """Return the runs that knew of a new post, and reported its row as done, by their end."""
        maker = self._runs.get(post.created_by or "")
        found = [
            run
            for run in self._history.runs
            if maker is not None
            and run.journal == maker.journal
            and run.stopped_at is not None
            and run.stopped_at >= post.created_at
            and run.reports.get(row) == DONE
        ]
        return sorted(found, key=lambda run: run.stopped_at or 0.0)

    def _is_new_row(self, earlier: PostRecord, later: PostRecord) -> bool:
        """Whether the row was given another time after its post was published: another post."""
        run = self._runs.get(later.created_by or "")
        return (
            earlier.published_at is not None
            and run is not None
            and earlier.published_at < (run.planned_at or run.started_at)
            and earlier.due_at != later.due_at
        )

    def _replaces(self, row: str, earlier: PostRecord, later: PostRecord) -> bool:
        """Whether `later` was made because the row had changed."""
        old, new = self._runs.get(earlier.created_by or ""), self._runs.get(later.created_by or "")
        if old is None or new is None:
            return False
        if later.content == earlier.content != self._content(new, row):
            return False
        versions = self._history.versions
        made_from = old.version
        while made_from and versions[made_from].rows.get(row) != earlier.content:
            made_from -= 1
        contents = {
            version.rows[row]
            for version in versions[made_from + 1 : new.version + 1]
            if row in version.rows
        }
        if not contents - {earlier.content}:
            return False
        # Once it is published, a row keeps its post, unless the run had started before.
        return not earlier.is_published_at(later.created_at) or not earlier.is_published_at(
            new.started_at
        )

    def _check_cancelled(self, row: str, post: PostRecord) -> Iterator[Violation]:
        at, run = post.cancelled_at, self._runs.get(post.cancelled_by or "")
        if at is None or run is None:
            return
        if not any(row in version.rows for version in self._versions_until(run)):
            yield Violation("cancelled a post of another calendar", row, at, post.id)
            return
        if self._content(run, row) is None or run.is_cancellation:
            return
        if any(other is not post and other.is_live(at) for other in self._posts[row]):
            return
        for other in self._history.runs:
            planned_at = other.planned_at or other.started_at
            is_earlier = post.created_at <= planned_at and other.started_at <= at
            if not is_earlier or self._calendar(other) != self._calendar(run):
                continue
            is_row_removed = self._content(other, row) is None
            if row in other.cancels_first or other.is_cancellation or is_row_removed:
                # An earlier run meant to cancel it; this one finishes that.
                return
        if row not in run.cancels_first:
            yield Violation("no post while it is replaced", row, at, post.id)

    def _check_reports(self, run: RunRecord) -> Iterator[Violation]:
        at = run.stopped_at
        if at is None or run.is_cancellation:
            return
        for row, status in run.reports.items():
            if status != DONE or self._is_disturbed(run, row):
                continue
            live = [post for post in self._posts[row] if post.is_live(at)]
            if not live:
                if not self._is_given_up(row, at):
                    yield Violation("done without a post", row, at, run.id)
            elif not any(
                post.content == self._content(run, row) or post.is_published_at(at) for post in live
            ):
                names = ", ".join(f"{post.id} {post.content}" for post in live)
                yield Violation("done with an old post", row, at, f"{run.id}: {names}")

    def _is_disturbed(self, run: RunRecord, row: str) -> bool:
        """Whether something else changed the row's posts while the run went on."""
        assert run.stopped_at is not None
        for post in self._posts[row]:
            is_cancelled = run.started_at <= post.live_until <= run.stopped_at
            if is_cancelled and post.cancelled_by != run.id:
                return True
            if run.started_at <= post.created_at <= run.stopped_at and post.created_by != run.id:
                other = self._runs.get(post.created_by or "")
                if other is None or self._content(other, row) != self._content(run, row):
                    return True
        return False

    def _is_given_up(self, row: str, at: float) -> bool:
        """Whether a person cancelled the row's last post, and its time is over."""
        if not self._posts[row]:
            return False
        last = max(self._posts[row], key=lambda post: post.live_until)
        run = self._runs.get(last.cancelled_by or "")
        is_wanted = run is None or run.is_cancellation
        return last.cancelled_at is not None and is_wanted and last.due_at <= at

    def _check_end(self) -> Iterator[Violation]:
        at = self._history.last_event_at
        latest = {version.calendar: version for version in self._history.versions}
        for version in latest.values():
            for row, content in version.rows.items():
                live = [post for post in self._posts[row] if post.is_live(at)]
                if not live and not self._is_given_up(row, at):
                    yield Violation("no post in the end", row, at, content)
                current = [
                    post
                    for index, post in enumerate(live)
                    if not any(self._is_new_row(post, other) for other in live[index + 1 :])
                ]
                names = ", ".join(f"{post.id} {post.content}" for post in current)
                if all(post.is_published_at(at) for post in current):
                    continue
                if len(current) > 1:
                    if any(self._find_responsible_runs(row, post) for post in current[1:]):
                        yield Violation("two posts in the end", row, at, names)
                elif current[0].content != content:
                    yield Violation("an old post in the end", row, at, names)

    def _versions_until(self, run: RunRecord) -> Iterator[CalendarVersion]:
        for version in self._history.versions[: run.version + 1]:
            if version.calendar == self._calendar(run):
                yield version

    def _calendar(self, run: RunRecord) -> str:
        return self._history.versions[run.version].calendar

    def _content(self, run: RunRecord, row: str) -> str | None:
        return self._history.versions[run.version].rows.get(row)
