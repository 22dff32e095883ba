"""Threads: every comment once, below what it answers, and who still waits."""

from typing import Any

from hypothesis import given, strategies as st

from outreply_cli.comments.threads import build_threads, comment_id


def comment(identity: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": identity, "parent_id": parent, "created_at": "2026-11-24T09:00:00.000Z",
        "author": {"username": more.pop("by", "jane")}, "replies_count": 0, **more,
    }  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([*"abcdefgh", None, "gone"])),
        unique_by=lambda pair: pair[0],
    )
)
def test_every_comment_stands_once_whatever_answers_what(
    pairs: list[tuple[str, str | None]],
) -> None:
    placed = build_threads([comment(identity, parent) for identity, parent in pairs])
    assert sorted(comment_id(one.comment) for one in placed) == sorted(name for name, _ in pairs)


def test_an_answer_follows_what_it_answers() -> None:
    placed = build_threads(
        [
            comment("b", "a", created_at="2026-11-24T11:00:00Z"),
            comment("c", created_at="2026-11-24T10:00:00Z"),
            comment("a", created_at="2026-11-24T09:00:00Z"),
            comment("d", "b", created_at="2026-11-24T12:00:00Z"),
        ]
    )
    assert [(one.comment["id"], one.depth) for one in placed] == [
        ("a", 0), ("b", 1), ("d", 2), ("c", 0),
    ]  # fmt: skip


def test_a_thread_deeper_than_calls_may_be_is_shown() -> None:
    deep = [comment(str(n), str(n - 1) if n else None) for n in range(5_000)]
    assert build_threads(deep)[-1].depth == 4_999


def test_who_waits_is_who_the_page_has_not_answered() -> None:
    placed = build_threads(
        [
            comment("asked"), comment("asked too"), comment("ours", "asked too", by="acme"),
            comment("talked about"), comment("by another", "talked about", by="bob"),
            comment("from here"), comment("counted", replies_count=2),
        ],
        username="acme",
        answered={"from here"},
    )  # fmt: skip
    assert {comment_id(one.comment) for one in placed if one.needs_reply} == {
        "asked", "talked about", "by another",
    }  # fmt: skip


def test_what_the_api_leaves_out_or_gets_wrong_does_no_harm() -> None:
    placed = build_threads([{"id": "a"}, {"id": "b", "author": None, "created_at": "soon"}, {}])
    assert len(placed) == 3
