"""Matching of calendar rows with rows of earlier runs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from outreply_cli.api.types import Post
from outreply_cli.bulk.matching import (
    MatchedRow,
    TextMatcher,
    content_digest,
    exported_post_id,
    is_slot_row,
    key_from_name,
    name_from_key,
    name_slot_rows,
    without_text,
)
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.bulk.utm import strip_utm
from outreply_cli.journal.models import EntryState, JournalEntryDraft, RowHistory
from outreply_cli.posts.content import PostContent, fingerprint
from outreply_cli.posts.sender import idempotency_key
from tests.bulk.planned import AT, NOW, make_entry, make_post, match, record

PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)
LATER = AT + timedelta(hours=3)
AFTERWARDS = AT + 2 * DAY


def pair_ids(
    posts: Sequence[PlannedPost], histories: Sequence[RowHistory], *, now: datetime = NOW
) -> list[int | None]:
    """The ID of each post's entry."""
    rows, _ = match(posts, histories, now=now)
    return [row.entry.id if row.entry else None for row in rows]


def names(posts: Sequence[PlannedPost], histories: Sequence[RowHistory] = ()) -> list[str]:
    return [row.name for row in match(posts, histories)[0]]


def test_new_row_gets_the_draft_of_its_first_post() -> None:
    (row,), orphaned = match([make_post("Hello")])
    body = {"page_id": "p1", "message": "Hello", "scheduled_at": "2026-12-24T17:00:00Z"}
    name = "p1@2026-12-24T17:00:00Z#0"
    digest = fingerprint(body)
    key = idempotency_key("account", "calendar", name, digest, 1)
    assert row.draft == JournalEntryDraft(
        "account", "calendar", name, 1, "p1", AT, body, digest, key
    )
    assert (row.name, row.entry, row.ambiguity, row.is_unchanged) == (name, None, None, False)
    assert orphaned == []


def test_draft_is_made_once() -> None:
    (row,), _ = match([make_post()])
    assert row.draft is row.draft


def test_equal_row_is_unchanged_and_its_next_post_has_the_next_generation() -> None:
    posts = [make_post("a"), make_post("b", at=LATER)]
    rows, orphaned = match(posts, record(posts))
    assert [row.entry and row.entry.id for row in rows] == [1, 2]
    assert [row.is_unchanged for row in rows] == [True, True]
    assert [row.draft.generation for row in rows] == [2, 2]
    assert orphaned == []


def test_row_with_an_entry_of_another_process_takes_the_generation_after_it() -> None:
    (row,), _ = match([make_post()])
    entry = make_entry(row, 7)
    followed = row.with_entry(entry)
    draft = row.draft
    key = idempotency_key("account", "calendar", draft.row, draft.fingerprint, 2)
    assert followed.entry is entry
    assert followed.draft == replace(draft, generation=2, idempotency_key=key)
    assert (followed.post, followed.name) == (row.post, row.name)


def test_rows_without_keys_are_named_by_page_and_time() -> None:
    posts = [make_post("a"), make_post("b"), make_post("c", page_id="p2"), make_post("d")]
    assert names(posts) == [
        "p1@2026-12-24T17:00:00Z#0", "p1@2026-12-24T17:00:00Z#1", "p2@2026-12-24T17:00:00Z#0",
        "p1@2026-12-24T17:00:00Z#2",
    ]  # fmt: skip


def test_new_row_gets_no_name_that_is_used() -> None:
    histories = record([make_post("a"), make_post("b"), make_post("c")])
    posts = [make_post("new 1"), make_post("b"), make_post("a"), make_post("c"), make_post("new 2")]
    stem = "p1@2026-12-24T17:00:00Z"
    expected = [f"{stem}#{number}" for number in (3, 1, 0, 2, 4)]
    assert names(posts, histories) == expected
    # An entry whose row was removed keeps its name, too.
    others = record([make_post("gone", key="other"), make_post("a")])
    renamed = [replace_active(others[0], row=f"{stem}#1"), others[1]]
    late = NOW + timedelta(days=90)
    rows, _ = match([make_post("a"), make_post("b"), make_post("new")], renamed, now=late)
    assert [row.name for row in rows] == [f"{stem}#{number}" for number in range(3)]


def replace_active(history: RowHistory, **changes: Any) -> RowHistory:
    assert history.active is not None
    return RowHistory.from_entries([replace(history.active, **changes)])


def test_pending_entries_without_a_row_are_returned() -> None:
    histories = record([make_post("a"), make_post("b", at=LATER), make_post("c", key="k")])
    rows, orphaned = match([], histories)
    assert (rows, [entry.id for entry in orphaned]) == ([], [1, 2, 3])
    # A post whose time has come is published, unless its outcome is not known.
    assert [entry.id for entry in match([], histories, now=AT)[1]] == [2]
    unknown = record([make_post("a")], state=EntryState.SENT)
    assert [entry.id for entry in match([], unknown, now=AFTERWARDS)[1]] == [1]


def test_row_that_was_cancelled_is_new_with_the_next_generation() -> None:
    histories = record([make_post()], state=EntryState.CANCELLED)
    (row,), orphaned = match([make_post()], histories)
    assert (row.entry, row.draft.generation, orphaned) == (None, 2, [])


# Rows with a key.


def test_row_with_a_key_keeps_its_post_whatever_changes() -> None:
    histories = record([make_post("a", key="x"), make_post("b", key="y")])
    edited = [make_post("c", key="y", at=LATER), make_post("d", key="x", at=LATER + DAY)]
    assert pair_ids(edited, histories, now=AFTERWARDS) == [2, 1]
    assert names(edited, histories) == ["key:y@p1", "key:x@p1"]


@pytest.mark.parametrize("now", [NOW, AFTERWARDS])
def test_row_that_gets_a_key_keeps_its_post(now: datetime) -> None:
    histories = record([make_post("a")])
    assert pair_ids([make_post("a", key="x")], histories, now=now) == [1]
    assert pair_ids([make_post("edited", key="x")], histories, now=now) == [1]
    assert pair_ids([make_post("a", key="x", page_id="p2")], histories, now=now) == [None]
    assert pair_ids([make_post("a", key="x", at=LATER)], histories, now=now) == [None]
    # A row without a key comes first.
    rows = [make_post("edited", key="x"), make_post("edited")]
    assert pair_ids(rows, histories, now=now) == [None, 1]
    (row,), _ = match([make_post("a", key="x")], histories, now=now)
    assert row.is_unchanged
    assert row.name == "key:x@p1"


def test_row_that_loses_its_key_or_gets_another_keeps_its_post() -> None:
    histories = record([make_post(key="x")])
    for post in (make_post(), make_post(key="y")):
        assert pair_ids([post], histories) == [1]
        assert pair_ids([post._replace(scheduled_at=AT + DAY)], histories) == [None]
        assert pair_ids([post, make_post(key="x")], histories) == [None, 1]
    (row,), _ = match([make_post()], histories)
    assert row.name == "p1@2026-12-24T17:00:00Z#0"


def test_equal_texts_take_the_nearest_post() -> None:
    histories = record([make_post(at=AT + n * DAY) for n in range(3)])
    moved = make_post(at=AT + 2 * DAY + timedelta(hours=1))
    assert pair_ids([moved], histories) == [3]
    assert pair_ids([make_post(at=AT + DAY), moved], histories) == [2, 3]


def test_row_that_is_too_far_ahead_takes_no_post() -> None:
    histories = record([make_post()])
    assert pair_ids([make_post(at=AT + 10 * DAY)], histories) == [1]
    assert pair_ids([make_post(at=AT + 200 * DAY)], histories) == [None]


def test_row_with_a_key_and_without_have_no_common_name() -> None:
    assert names([make_post(key="x"), make_post()]) == ["key:x@p1", "p1@2026-12-24T17:00:00Z#0"]


def test_row_with_a_key_keeps_its_post_on_another_page_until_its_time() -> None:
    histories = record([make_post(key="x")])
    moved = [make_post(key="x", page_id="p2")]
    assert pair_ids(moved, histories) == [1]
    assert pair_ids(moved, histories, now=AT - timedelta(seconds=1)) == [1]
    assert pair_ids(moved, histories, now=AT) == [None]
    assert pair_ids([make_post(key="y", page_id="p2")], histories) == [None]


def test_row_with_a_key_on_its_own_page_comes_before_one_on_another() -> None:
    histories = record([make_post(key="x")])
    both = [make_post(key="x", page_id="p2"), make_post(key="x")]
    assert pair_ids(both, histories) == [None, 1]


def test_row_of_an_exported_calendar_is_the_row_of_the_post() -> None:
    histories = record([make_post("a"), make_post("b", key="x")])
    assert pair_ids([make_post("c", key="post:post1", at=LATER)], histories) == [1]
    assert pair_ids([make_post("c", key="post:post2", at=LATER)], histories) == [2]
    assert pair_ids([make_post("c", key="post1", at=LATER)], histories) == [None]
    without_post = record([make_post("a")], post_id=None, state=EntryState.SENT)
    assert pair_ids([make_post("c", key="x", at=LATER)], without_post) == [None]


def test_row_that_becomes_a_series_keeps_its_post() -> None:
    histories = record([make_post(key="x")])
    occurrences = [
        make_post(key="x/2026-12-24", series_zone=PARIS),
        make_post(key="x/2026-12-25", at=AT + DAY, series_zone=PARIS),
    ]
    assert pair_ids(occurrences, histories) == [1, None]
    assert pair_ids(occurrences[1:], histories) == [None]
    other_page = make_post(key="x/2026-12-24", page_id="p2", series_zone=PARIS)
    assert pair_ids([other_page], histories) == [None]
    later = make_post(key="y/2026-12-25", at=AT + DAY, series_zone=PARIS)
    assert pair_ids([later], histories) == [None]


def test_occurrence_that_becomes_a_row_keeps_its_post() -> None:
    histories = record([make_post(key="x/2026-12-24", series_zone=PARIS)])
    assert pair_ids([make_post(key="x")], histories) == [1]
    assert pair_ids([make_post(key="x", at=LATER)], histories) == [None]


# Rows without a key.


def test_equal_row_is_paired_before_edited_ones() -> None:
    histories = record([make_post("a"), make_post("b")])
    assert pair_ids([make_post("new"), make_post("b"), make_post("a")], histories) == [None, 2, 1]


def test_equal_row_is_paired_after_it_was_published() -> None:
    assert pair_ids([make_post()], record([make_post()]), now=AFTERWARDS) == [1]


def test_equal_rows_are_paired_in_order() -> None:
    posts = [make_post("a"), make_post("a"), make_post("a")]
    assert pair_ids(posts, record(posts)) == [1, 2, 3]


def test_moved_row_keeps_its_pending_post() -> None:
    histories = record([make_post("a"), make_post("b", at=LATER)])
    moved = [make_post("b", at=LATER + DAY), make_post("a", at=AT + DAY)]
    assert pair_ids(moved, histories) == [2, 1]
    assert names(moved, histories) == [
        "p1@2026-12-24T20:00:00Z#0", "p1@2026-12-24T17:00:00Z#0"
    ]  # fmt: skip


def test_same_text_after_its_post_was_published_is_a_new_row() -> None:
    assert pair_ids([make_post(at=AFTERWARDS)], record([make_post()]), now=AT) == [None]
    unknown = record([make_post()], state=EntryState.SENT)
    assert pair_ids([make_post(at=AFTERWARDS)], unknown, now=AT) == [1]


def test_moved_row_does_not_take_the_post_of_a_row_with_a_key() -> None:
    assert pair_ids([make_post(at=LATER)], record([make_post(key="x")])) == [None]


def test_edited_row_keeps_its_pending_post_at_the_same_time_and_page() -> None:
    histories = record([make_post("a")])
    assert pair_ids([make_post("edited")], histories) == [1]
    assert pair_ids([make_post("edited", page_id="p2")], histories) == [None]
    assert pair_ids([make_post("edited", at=LATER)], histories) == [None]
    assert pair_ids([make_post("edited")], record([make_post("a", key="x")])) == [None]


def test_edited_row_keeps_its_post_that_was_moved_before() -> None:
    (history,) = record([make_post("a")])
    (moved,) = record([make_post("a", at=LATER)])
    assert moved.active is not None
    histories = [
        replace_active(
            history,
            body=moved.active.body,
            fingerprint=moved.active.fingerprint,
            scheduled_at=LATER,
        )
    ]
    edited = [make_post("x", at=AT + DAY), make_post("edited", at=LATER)]
    assert pair_ids(edited, histories) == [None, 1]
    assert pair_ids([make_post("edited", at=LATER, page_id="p2")], histories) == [None]


def test_moved_row_comes_before_another_one_that_is_edited() -> None:
    histories = record([make_post("a")])
    posts = [make_post("new"), make_post("a", at=LATER)]
    assert pair_ids(posts, histories) == [None, 1]


def test_row_that_was_moved_and_edited_and_is_undone_keeps_its_post() -> None:
    (history,) = record([make_post("a")])
    edited = match([make_post("b", at=LATER)])[0][0].draft
    histories = [
        replace_active(
            history, body=edited.body, fingerprint=edited.fingerprint, scheduled_at=LATER
        )
    ]
    assert pair_ids([make_post("a")], histories) == [1]
    assert pair_ids([make_post("a", at=AT + DAY)], histories) == [None]
    # Also once its time is over: it is not due again.
    assert pair_ids([make_post("a")], histories, now=AFTERWARDS) == [1]


def test_published_post_that_was_moved_stays_with_its_row() -> None:
    """`posts reschedule` moved the post, or `--spread` moved the row."""
    (history,) = record([make_post("a", at=LATER)])
    body = make_post("a").body()
    moved = replace_active(history, body=body, fingerprint=fingerprint(body), scheduled_at=AT)
    assert moved.active is not None
    now = AT + timedelta(hours=1)
    assert pair_ids([make_post("a", at=LATER)], [moved], now=now) == [1]
    spread = make_post("a", at=LATER + DAY, moved_from=LATER)
    assert pair_ids([spread], [moved], now=now) == [1]
    # Another text at that time is another post, and so is the same text at another time.
    assert pair_ids([make_post("b", at=LATER)], [moved], now=now) == [None]
    assert pair_ids([make_post("a", at=LATER + DAY)], [moved], now=now) == [None]


def test_row_that_is_edited_after_its_post_was_published_keeps_it() -> None:
    histories = record([make_post("a")])
    assert pair_ids([make_post("edited")], histories, now=AT) == [1]
    assert pair_ids([make_post("edited")], histories, now=AFTERWARDS) == [1]
    assert pair_ids([make_post("edited", page_id="p2")], histories, now=AFTERWARDS) == [None]
    assert pair_ids([make_post("edited", at=LATER)], histories, now=AFTERWARDS) == [None]


# Series without a key.


def occurrence(text: str = "Hello", **fields: Any) -> PlannedPost:
    return make_post(text, series_zone=PARIS, **fields)


def test_row_that_was_spread_keeps_its_name() -> None:
    moved = occurrence(at=LATER, moved_from=AT)
    assert names([moved, occurrence(at=AT + DAY)]) == [
        "p1@2026-12-24T17:00:00Z#0", "p1@2026-12-25T17:00:00Z#0"
    ]  # fmt: skip
    assert names([make_post(at=LATER, moved_from=AT)]) == ["p1@2026-12-24T17:00:00Z#0"]


def test_occurrence_is_the_row_of_its_first_time() -> None:
    histories = record([occurrence("a"), occurrence("a", at=AT + DAY)])
    moved = [occurrence("new", at=AT + DAY), occurrence("new", at=LATER, moved_from=AT)]
    assert pair_ids(moved, histories, now=AFTERWARDS) == [2, 1]


def test_series_that_moves_by_hours_keeps_its_posts_by_their_days() -> None:
    first, second = occurrence(at=AT + DAY), occurrence(at=AT)
    histories = record([first, second])
    moved = [occurrence(at=LATER), occurrence(at=LATER + DAY), occurrence(at=LATER + 2 * DAY)]
    assert pair_ids(moved, histories) == [2, 1, None]
    # That of today is published.
    assert pair_ids(moved, histories, now=AT) == [2, 1, None]
    # The pending one comes first.
    twice = record([occurrence(at=AT), occurrence(at=AT + timedelta(hours=1))])
    assert pair_ids([occurrence(at=LATER)], twice, now=AT) == [2]


def test_occurrence_has_the_local_day_of_its_series() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    histories = record([make_post(at=AT, series_zone=tokyo)])
    # 02:00 on 25 December in Tokyo, 18:00 on 24 December in Paris.
    moved = AT + timedelta(hours=12)
    assert pair_ids([make_post(at=moved, series_zone=tokyo)], histories) == [1]
    assert pair_ids([make_post(at=moved, series_zone=PARIS)], histories) == [None]
    both = [
        make_post("other", at=AT + 9 * DAY, series_zone=PARIS),
        make_post(at=moved, series_zone=tokyo),
    ]
    assert pair_ids(both, histories) == [None, 1]
    assert make_post(at=moved, series_zone=tokyo).series_day == date(2026, 12, 25)


def test_occurrence_of_another_day_is_new() -> None:
    assert pair_ids([occurrence(at=AT + DAY)], record([occurrence()])) == [None]
    assert pair_ids([occurrence("new", at=LATER)], record([occurrence()])) == [None]


# Rows without a time.


def slot(text: str = "Hello", **fields: Any) -> PlannedPost:
    return make_post(text, takes_slot=True, **fields)


def test_row_without_a_time_is_named_by_its_content_and_page() -> None:
    digest = content_digest({"page_id": "p1", "message": "a"})
    posts = [slot("a"), slot("a", at=LATER), make_post(), slot("b", key="x"), slot("a")]
    expected = [f"slot:{digest}@p1#{number}" for number in (0, 1, 2)]
    expected[2:2] = ["", "key:x@p1"]
    assert name_slot_rows(posts) == expected
    assert names(posts) == [*expected[:2], "p1@2026-12-24T17:00:00Z#0", *expected[3:]]
    assert [is_slot_row(name) for name in expected] == [True, True, False, False, True]


def test_row_without_a_time_keeps_its_post_at_any_time() -> None:
    histories = record([slot("a"), slot("b")])
    posts = [slot("b", at=LATER), slot("a", at=LATER + DAY)]
    assert pair_ids(posts, histories, now=AFTERWARDS) == [2, 1]


def test_row_without_a_time_is_paired_with_an_equal_post_first() -> None:
    """Another row was edited to what this row was: each keeps its own post."""
    histories = record([slot("a")])
    edited = match([slot("b")])[0][0].draft
    histories = [
        replace_active(histories[0], body=edited.body, fingerprint=edited.fingerprint),
        *(replace_active(history, id=2) for history in record([slot("x")])),
    ]
    assert pair_ids([slot("a", at=LATER), slot("b")], histories) == [None, 1]
    assert pair_ids([slot("a", at=LATER)], histories) == [1]


def test_row_without_a_time_has_a_key_that_is_equal_at_any_time() -> None:
    keys = {match([slot(at=at)])[0][0].draft.idempotency_key for at in (AT, LATER)}
    assert len(keys) == 1
    assert keys != {match([slot("other")])[0][0].draft.idempotency_key}


def test_row_without_a_time_is_not_one_with_a_key() -> None:
    assert pair_ids([slot(at=LATER)], record([slot(key="x")])) == [None]


# Digests, names and texts.


def test_composed_row_has_a_key_that_is_equal_for_any_text() -> None:
    def key(text: str, *, is_composed: bool = True, at: datetime = AT) -> str:
        post = make_post(text, is_composed=is_composed, at=at)
        return match([post])[0][0].draft.idempotency_key

    assert key("a") == key("b")
    assert key("a", is_composed=False) != key("b", is_composed=False)
    (row,), _ = match([make_post("a", is_composed=True)])
    body = {"page_id": "p1", "scheduled_at": "2026-12-24T17:00:00Z"}
    expected = idempotency_key("account", "calendar", row.name, fingerprint(body), 1)
    assert row.draft.idempotency_key == expected
    next_key = idempotency_key("account", "calendar", row.name, fingerprint(body), 2)
    assert row.with_entry(make_entry(row)).draft.idempotency_key == next_key


def test_without_text_keeps_everything_else() -> None:
    assert without_text({"message": "a", "link": "b"}) == {"link": "b"}
    assert without_text({"link": "b"}) == {"link": "b"}


def test_content_digest_ignores_the_time_and_the_ids_of_uploaded_files() -> None:
    body = {"message": "a", "scheduled_at": "now", "media_ids": ["m1"]}
    assert content_digest(body) == content_digest({**body, "scheduled_at": "later"})
    assert content_digest(body) != content_digest({**body, "media_ids": ["m2"]})
    with_files = {**body, "media_files": ["digest"]}
    assert content_digest(with_files) == content_digest({**with_files, "media_ids": ["m2"]})
    assert content_digest(with_files) == content_digest({**with_files, "scheduled_at": "later"})
    assert content_digest(with_files) != content_digest({**with_files, "media_files": ["other"]})
    assert content_digest(with_files) != content_digest({**with_files, "message": "b"})


def test_name_of_a_key_is_converted_back_to_the_key() -> None:
    assert name_from_key(make_post(key="a@b")) == "key:a@b@p1"
    assert key_from_name("key:a@b@p1") == "a@b"
    assert key_from_name("p1@2026-12-24T17:00:00Z#0") is None
    assert key_from_name("a key:b@p1") is None


def test_exported_keys_name_a_post() -> None:
    assert exported_post_id(make_post(key="post:post:1")) == "post:1"
    assert exported_post_id(make_post(key="my post:1")) is None
    assert exported_post_id(make_post()) is None


def test_untagged_text_has_no_utm_parameters() -> None:
    tagged = "See https://e.com/?utm_source=x&utm_medium=y&id=1#top and more"
    assert strip_utm(tagged) == "See https://e.com/&id=1#top and more"


def match_text(text: str | None, at: datetime = AT) -> MatchedRow:
    return match([make_post(content=PostContent(message=text, link="l"), at=at)])[0][0]


def api_post(text: str | None, at: str = "2026-12-24T12:00:00Z") -> Post:
    return Post(message=text, scheduled_at=at)


def test_post_is_similar_to_a_row_at_the_same_time_or_with_nearly_the_same_text() -> None:
    texts = TextMatcher()
    assert texts.is_similar(api_post("other", "2026-12-24T17:00:00.5Z"), match_text("Hello world"))
    assert texts.is_similar(api_post("Hello, world"), match_text("Hello world"))
    assert not texts.is_similar(api_post("other"), match_text("Hello world"))
    assert not texts.is_similar(api_post("other", "soon"), match_text("Hello world"))
    assert not texts.is_similar(api_post(None), match_text(None))


def test_post_is_similar_to_the_post_of_a_row() -> None:
    (row,), _ = match([make_post("Something else", at=LATER)], record([make_post("Hello world")]))
    assert row.entry is None
    before = make_entry(match([make_post("Hello world")])[0][0])
    row = row._replace(entry=before)
    assert TextMatcher().is_similar(api_post("Hello world"), row)
    assert TextMatcher().is_similar(api_post("other", "2026-12-24T17:00:00Z"), row)
    assert TextMatcher().is_similar(api_post("other", "2026-12-24T20:00:00Z"), row)
    assert not TextMatcher().is_similar(api_post("other"), row)


@pytest.mark.parametrize(
    ("text", "other", "is_similar"),
    [
        ("abc", "abc", True), ("abc", "ABC", True), ("abc", "", False), ("", "abc", False),
        ("", "", False), ("We open at 9", "We open at 10", True), ("We open at 9", "Closed", False),
        ("a https://e.com?utm_source=x", "a https://e.com", True), ("", "?utm_source=x", False),
        # 6 of 10 and 10 are equal, 5 of 9 and 9 are.
        ("abcdefgh", "abcdefxy", True), ("abcdefg", "abcdexy", False),
        # 3 of 5 and 6 are equal.
        ("abc", "abcd", False), ("ab", "ac", False),
    ],
)  # fmt: skip
def test_similar_texts_share_60_percent_of_their_trigrams(
    text: str, other: str, *, is_similar: bool
) -> None:
    assert TextMatcher().are_similar(text, other) == is_similar
    assert TextMatcher().are_similar(other, text) == is_similar
