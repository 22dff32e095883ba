"""The checker accepts a valid history, and rejects each of 20 corrupted ones."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.reliability.checker import CalendarVersion, History, PostRecord, RunRecord, check

VALID = History(
    versions=(
        CalendarVersion(0, {"a": "a1", "b": "b1", "c": "c1"}),
        CalendarVersion(100, {"a": "a2", "b": "b1", "c": "c1"}),
        CalendarVersion(200, {"a": "a1", "b": "b2", "d": "d1"}),
        CalendarVersion(0, {"x": "x1"}, "other"),
    ),
    posts=(
        PostRecord("post a1", "a", "a1", 2_000, 10, "run 1", 112, "run 2"),
        PostRecord("post b1", "b", "b1", 2_000, 11, "run 1", 213, "run 4"),
        PostRecord("post c1", "c", "c1", 150, 12, "run 1", published_at=150),
        PostRecord("post x1", "x", "x1", 2_000, 40, "run x"),
        # Replaced by a run that was killed before it cancelled the old one; the next one did.
        PostRecord("post a2", "a", "a2", 2_000, 111, "run 2", 211, "run 4"),
        # Back to the first text.
        PostRecord("post a3", "a", "a1", 2_000, 208, "run 3"),
        # A guardrail required to cancel the old one first.
        PostRecord("post b2", "b", "b2", 2_000, 215, "run 4"),
        PostRecord("post d1", "d", "d1", 2_000, 216, "run 4", 220, None),
        PostRecord("post d2", "d", "d1", 2_000, 240, "run 5"),
    ),
    runs=(
        RunRecord("run 1", 0, "m0", 5, 20, {"a": "done", "b": "done", "c": "done"}),
        RunRecord("run x", 3, "m1", 35, 45, {"x": "done"}),
        RunRecord("run 2", 1, "m0", 105, 120, {"a": "done", "b": "done", "c": "done"}),
        RunRecord("run 3", 2, "m0", 205),
        RunRecord(
            "run 4",
            2,
            "m0",
            210,
            219,
            {"a": "done", "b": "done", "d": "done"},
            cancels_first=frozenset({"b"}),
        ),
        RunRecord("run 5", 2, "m0", 235, 250, {"a": "done", "b": "done", "d": "done"}),
    ),
    is_settled=True,
    last_event_at=1_000,
)


def with_post(name: str, **changes: object) -> Callable[[History], History]:
    """Return a change of one post."""

    def corrupt(history: History) -> History:
        posts = [
            replace(post, **changes) if post.id == name else post  # type: ignore[arg-type]
            for post in history.posts
        ]
        return replace(history, posts=posts)

    return corrupt


def with_run(name: str, **changes: object) -> Callable[[History], History]:
    """Return a change of one run."""

    def corrupt(history: History) -> History:
        runs = [
            replace(run, **changes) if run.id == name else run  # type: ignore[arg-type]
            for run in history.runs
        ]
        return replace(history, runs=runs)

    return corrupt


def with_extra(post: PostRecord) -> Callable[[History], History]:
    """Return the addition of a post."""
    return lambda history: replace(history, posts=[*history.posts, post])


def without(name: str) -> Callable[[History], History]:
    """Return the removal of a post."""
    return lambda history: replace(
        history, posts=[post for post in history.posts if post.id != name]
    )


def combine(*changes: Callable[[History], History]) -> Callable[[History], History]:
    """Return several changes together."""

    def corrupt(history: History) -> History:
        for change in changes:
            history = change(history)
        return history

    return corrupt


CORRUPTED: dict[str, tuple[Callable[[History], History], str]] = {
    "a second post of the same run": (
        with_extra(PostRecord("extra", "a", "a1", 2_000, 13, "run 1", 60, None)),
        "two posts",
    ),
    "a second post of a later run, though nothing has changed": (
        with_extra(PostRecord("extra", "b", "b1", 2_000, 113, "run 2", 150, None)),
        "two posts",
    ),
    "a second post of another machine": (
        combine(
            with_extra(PostRecord("extra", "b", "b1", 2_000, 60, "run y", 150, None)),
            lambda history: replace(
                history, runs=[*history.runs, RunRecord("run y", 0, "m2", 55, 70)]
            ),
        ),
        "two posts",
    ),
    "an old text sent again after the row has changed": (
        with_extra(PostRecord("extra", "b", "b1", 2_000, 241, "run 5", 242, "run 5")),
        "two posts",
    ),
    "an old post is not cancelled": (
        with_post("post a1", cancelled_at=None, cancelled_by=None),
        "two posts of a row that is done",
    ),
    "an old post is cancelled after the row was reported done": (
        with_post("post a1", cancelled_at=130),
        "two posts of a row that is done",
    ),
    "a post of a killed run stays beside the old one": (
        with_post("post a2", cancelled_at=None, cancelled_by=None),
        "two posts in the end",
    ),
    "a second post after the first one is published": (
        with_extra(PostRecord("extra", "c", "c1", 150, 160, "run 2")),
        "two posts",
    ),
    "the old post is cancelled before the new one exists": (
        with_post("post a1", cancelled_at=110),
        "no post while it is replaced",
    ),
    "the old post is cancelled just before": (
        with_post("post a2", created_at=112.001),
        "no post while it is replaced",
    ),
    "cancel first without a guardrail": (
        with_run("run 4", cancels_first=frozenset()),
        "no post while it is replaced",
    ),
    "an unchanged row is cancelled": (
        with_post("post b2", cancelled_at=245, cancelled_by="run 5"),
        "no post while it is replaced",
    ),
    "a post of another calendar is cancelled": (
        with_post("post x1", cancelled_at=115, cancelled_by="run 2"),
        "cancelled a post of another calendar",
    ),
    "a row is reported done and never sent": (without("post b2"), "done without a post"),
    "a row is reported done before it is sent": (
        with_post("post d1", created_at=219.5),
        "done without a post",
    ),
    "a row is reported done after its post was cancelled": (
        with_post("post d1", cancelled_at=217, cancelled_by="run 4"),
        "done without a post",
    ),
    "a row is reported done with its old text": (
        combine(without("post a2"), with_post("post a1", cancelled_at=211, cancelled_by="run 4")),
        "done with an old post",
    ),
    "a post that matches no row": (
        with_post("post b1", content="b9"),
        "created a post that matches no row",
    ),
    "a row without a post in the end": (
        with_post("post d2", cancelled_at=990, cancelled_by=None),
        "no post in the end",
    ),
    "an old text in the end": (
        combine(
            without("post b2"),
            with_post("post b1", cancelled_at=None, cancelled_by=None),
            with_run("run 4", reports={"a": "done", "b": "unknown", "d": "done"}),
            with_run("run 5", reports={"a": "done", "b": "unknown", "d": "done"}),
        ),
        "an old post in the end",
    ),
}


def test_valid_history_is_accepted() -> None:
    assert check(VALID) == []
    assert len(CORRUPTED) == 20


@pytest.mark.parametrize("name", CORRUPTED)
def test_corrupted_history_is_rejected(name: str) -> None:
    corrupt, rule = CORRUPTED[name]
    assert rule in {found.rule for found in check(corrupt(VALID))}


def test_unknown_rows_may_lack_a_post_but_not_have_two() -> None:
    reports = {"a": "done", "b": "done", "d": "unknown"}
    unknown = combine(
        without("post d1"),
        without("post d2"),
        with_run("run 4", reports=reports),
        with_run("run 5", reports=reports),
        lambda history: replace(history, is_settled=False),
    )
    assert check(unknown(VALID)) == []
    twice = combine(
        with_run("run 4", reports=reports),
        with_run("run 5", reports=reports),
        with_post("post d1", cancelled_at=None),
    )
    assert "two posts" in {found.rule for found in check(twice(VALID))}


def test_both_posts_may_be_published_if_no_run_could_cancel_one() -> None:
    crashed = combine(
        with_post("post a2", cancelled_at=None, cancelled_by=None, published_at=209),
        with_post("post a3", published_at=209.5),
    )
    assert check(crashed(VALID)) == []


def test_another_machine_need_not_know_of_a_killed_run() -> None:
    other = combine(
        with_run("run 3", journal="m9"),
        with_post("post a2", cancelled_at=None, cancelled_by=None),
        with_run("run 4", reports={"a": "unknown", "b": "done", "d": "done"}),
        with_run("run 5", reports={"a": "unknown", "b": "done", "d": "done"}),
    )
    assert check(other(VALID)) == []


def test_row_moved_after_publication_is_another_row() -> None:
    moved = combine(
        lambda history: replace(
            history,
            versions=[
                *history.versions,
                CalendarVersion(300, {"a": "a1", "b": "b2", "c": "c2", "d": "d1"}),
            ],
            runs=[*history.runs, RunRecord("run 6", 4, "m0", 310, 320, {"c": "done"})],
        ),
        with_extra(PostRecord("post c2", "c", "c2", 2_500, 315, "run 6")),
    )
    assert check(moved(VALID)) == []
