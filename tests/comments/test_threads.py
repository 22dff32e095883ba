"""Threads of comments."""

from typing import Any

from hypothesis import given, strategies as st

from outreply_cli.comments.threads import build_threads


def comment(comment_id: str, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": comment_id, "parent_id": parent, "created_at": "2026-11-24T09:00:00.000Z",
        "author": {"username": fields.pop("by", "jane")}, "replies_count": 0, **fields,
    }  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([*"abcdefgh", None, "missing"])),
        unique_by=lambda pair: pair[0],
    )
)
def test_threads_contain_each_comment_once(pairs: list[tuple[str, str | None]]) -> None:
    threads = build_threads([comment(comment_id, parent) for comment_id, parent in pairs])
    assert sorted(threaded.id for threaded in threads) == sorted(name for name, _ in pairs)


def test_replies_follow_parent() -> None:
    threads = build_threads(
        [
            comment("b", "a", created_at="2026-11-24T11:00:00Z"),
            comment("c", created_at="2026-11-24T10:00:00Z"),
            comment("a", created_at="2026-11-24T09:00:00Z"),
            comment("d", "b", created_at="2026-11-24T12:00:00Z"),
        ]
    )
    assert [(threaded.comment["id"], threaded.depth) for threaded in threads] == [
        ("a", 0), ("b", 1), ("d", 2), ("c", 0),
    ]  # fmt: skip


def test_thread_deeper_than_recursion_limit_is_built() -> None:
    deep = [comment(str(n), str(n - 1) if n else None) for n in range(5_000)]
    assert build_threads(deep)[-1].depth == 4_999


def test_only_unanswered_comments_of_others_need_a_reply() -> None:
    threads = build_threads(
        [
            comment("new"), comment("answered"), comment("own", "answered", by="acme"),
            comment("discussed"), comment("by another", "discussed", by="bob"),
            comment("answered here"), comment("counted", replies_count=2),
        ],
        usernames={"acme"},
        answered_ids={"answered here"},
    )  # fmt: skip
    assert {threaded.id for threaded in threads if threaded.needs_reply} == {
        "new", "discussed", "by another",
    }  # fmt: skip


def test_comments_with_missing_or_invalid_fields_are_kept() -> None:
    threads = build_threads([{"id": "a"}, {"id": "b", "author": None, "created_at": "soon"}, {}])
    assert len(threads) == 3
