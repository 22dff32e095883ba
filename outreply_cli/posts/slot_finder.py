"""The free slots of an account's pages: what the server lists, and what the journal holds."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from outreply_cli.api.client import Client, Resource, get_page_id, post_time
from outreply_cli.api.resend import LIST_LAG
from outreply_cli.errors import StorageError, TimeError
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import (
    EntryState,
    JournalEntry,
    RowHistory,
    SlotClaim,
    StoredSchedule,
)
from outreply_cli.pages import Page
from outreply_cli.posts.guardrails import GuardrailLimits
from outreply_cli.posts.listing import list_all_scheduled
from outreply_cli.posts.slots import PageSlots, SlotSchedule, find_near
from outreply_cli.spec.text import normalize_text
from outreply_cli.times import parse_zone

PAGE, BRAND = "page", "brand"
# The calendar of a command that takes a slot without --key starts with this.
SLOT_KEY_PREFIX = "posts --key next-slot "


class SlotStatus(StrEnum):
    """Status of a slot.

    Attributes:
        FREE: No post has the slot.
        FILLED: A post is at its time, or too near to it.
        CLAIMED: Held by a row or command whose post is not sent yet, or has an unknown outcome.
        FREED: No post has it: its post was cancelled, moved or never sent.
        BLOCKED: No post has it, but a guardrail allows no further post.
    """

    FREE = "free"
    FILLED = "filled"
    CLAIMED = "claimed"
    FREED = "freed"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class PreviewedSlot:
    """A slot with the post that fills it, or the entry of the journal that holds or held it."""

    at: datetime
    status: SlotStatus
    post: Resource | None = None
    entry: JournalEntry | None = None


class SlotFinder:
    """The slots of one account, as of one read.

    Attributes:
        account: Key of the account in the journal.
        truncated_pages: IDs of pages that may have more posts than are listed.
    """

    def __init__(
        self,
        journal: Journal,
        account: str,
        pages: Sequence[Page],
        posts: Sequence[Resource],
        *,
        limits: GuardrailLimits,
        now: datetime,
        truncated_pages: Collection[str] = frozenset(),
    ) -> None:
        self.account = account
        # Times that rows hold, or held until their posts were cancelled, by page.
        self._claims: dict[str, dict[datetime, list[SlotClaim]]] = {}
        for claim in journal.slot_claims(account, now):
            times = self._claims.setdefault(claim.page_id, {})
            times.setdefault(claim.scheduled_at, []).append(claim)
        self._slots = journal.slot_schedules(account)
        self._cancelled = journal.cancelled_post_ids(account)
        self._pages = pages
        self._posts = posts
        self._limits = limits
        self._now = now
        self.truncated_pages = truncated_pages

    def schedule_for(self, page: Page) -> SlotSchedule | None:
        """Return the slots of a page: its own, else its brand's; None if it has none.

        Raises:
            StorageError: The stored slots cannot be read.
        """
        slots = self._slots.get((PAGE, str(page["id"]))) or self._slots.get(
            (BRAND, str(page.get("brand_id") or ""))
        )
        return None if slots is None else _load(slots)

    def free_slots(self, page: Page) -> PageSlots | None:
        """Return the free slots of a page; None for a page without slots."""
        schedule, page_id = self.schedule_for(page), str(page["id"])
        if schedule is None:
            return None
        brand_id = page.get("brand_id")
        same_brand = (
            str(other["id"]) for other in self._pages if other.get("brand_id") == brand_id
        )
        return PageSlots(
            schedule,
            str(page.get("platform") or ""),
            self._limits,
            now=self._now,
            posts=self._times.get(page_id, ()),
            brand_posts=[
                at
                for other in dict.fromkeys(same_brand)
                if brand_id and other != page_id
                for at in self._times.get(other, ())
            ],
            taken=self._claims.get(page_id, ()),
        )

    def find_identical(
        self, body: Mapping[str, Any], claimed: Collection[str]
    ) -> tuple[datetime, str] | None:
        """Return time and ID of the only scheduled post with the page and text of `body`.

        Posts in `claimed`, by their IDs, are not considered.
        """
        text = normalize_text(body.get("message"))
        found = [
            (at, str(post["id"]))
            for post in self._posts
            if get_page_id(post) == body["page_id"]
            and "published_at" not in post
            and str(post["id"]) not in claimed
            and normalize_text(post.get("message")) == text != ""
            and (at := self._time(post)) is not None
        ]
        return found[0] if len(found) == 1 else None

    def take_own_slot(
        self, history: RowHistory | None, page: PageSlots, calendar: str
    ) -> datetime | None:
        """Take the slot that was chosen for a row whose post was not sent, or was cancelled.

        None if there is none, or if it is no longer free for the row.
        """
        entry = None if history is None else history.unsent or history.cancelled
        if entry is None or entry.state == EntryState.FAILED:
            return None
        at = entry.scheduled_at
        holders = {
            (claim.calendar, claim.row)
            for claim in self._claims.get(entry.page_id, {}).get(at, ())
            if claim.is_claim
        }
        is_own = holders == {(calendar, entry.row)} or (
            not holders and entry.state == EntryState.CANCELLED
        )
        if not is_own or not page.has_capacity(at):
            return None
        page.add(at)
        return at

    def preview(self, page: Page, journal: Journal) -> Iterator[PreviewedSlot]:
        """Yield the slots of a page with what fills them; none for a page without slots."""
        schedule, slots, page_id = self.schedule_for(page), self.free_slots(page), str(page["id"])
        if schedule is None or slots is None:
            return
        posts = {at: post for post in self._posts if get_page_id(post) == page_id
                 and (at := self._time(post)) is not None}  # fmt: skip
        claims = self._claims.get(page_id, {})
        times, claimed = sorted(posts), sorted(claims)
        gap = self._limits.min_gap
        for at in schedule.after(slots.earliest, slots.latest):
            post_at = find_near(times, at, gap)
            claim_at = find_near(claimed, at, gap)
            if post_at is not None:
                yield PreviewedSlot(at, SlotStatus.FILLED, post=posts[post_at])
            elif claim_at is not None:
                yield self._preview_claims(at, claims[claim_at], journal)
            else:
                is_free = slots.has_capacity(at)
                yield PreviewedSlot(at, SlotStatus.FREE if is_free else SlotStatus.BLOCKED)

    def _preview_claims(
        self, at: datetime, claims: Sequence[SlotClaim], journal: Journal
    ) -> PreviewedSlot:
        entries = [journal.entry(claim.entry_id) for claim in claims if claim.entry_id is not None]
        for entry in entries:
            is_new = entry.attempted_at is not None and self._now - entry.attempted_at < LIST_LAG
            may_exist = is_new or entry.page_id in self.truncated_pages
            if (
                entry.state in {EntryState.SENT, EntryState.CANCELLING}
                or (entry.state == EntryState.DONE and may_exist)
                # A run that was interrupted sends it when it is repeated.
                or (
                    entry.state == EntryState.PLANNED
                    and not entry.calendar.startswith(SLOT_KEY_PREFIX)
                )
            ):
                return PreviewedSlot(at, SlotStatus.CLAIMED, entry=entry)
        return PreviewedSlot(at, SlotStatus.FREED, entry=entries[-1] if entries else None)

    def _time(self, post: Resource) -> datetime | None:
        # Lists may still show posts that were cancelled.
        return None if str(post.get("id")) in self._cancelled else post_time(post)

    @cached_property
    def _times(self) -> Mapping[str, list[datetime]]:
        """The times of posts by the ID of their page."""
        times: dict[str, list[datetime]] = {}
        for post in self._posts:
            at = self._time(post)
            if at is not None:
                times.setdefault(get_page_id(post), []).append(at)
        return times


def fetch_slot_finder(client: Client, pages: Sequence[Page], journal: Journal) -> SlotFinder:
    """Return the slots as they are now; raises OutReplyError if the account cannot be read."""
    now, account = client.now(), client.account_or_none()
    scheduled = list_all_scheduled(client, (str(page["id"]) for page in pages))
    published = client.published_posts(since=now - timedelta(hours=24))
    return SlotFinder(
        journal,
        account_fingerprint(client, account),
        pages,
        [*scheduled.items, *published.items],
        limits=GuardrailLimits.from_account(account),
        now=now,
        truncated_pages=scheduled.truncated_pages,
    )


def _load(slots: StoredSchedule) -> SlotSchedule:
    try:
        return SlotSchedule.parse(slots.text, parse_zone(slots.timezone))
    except TimeError as error:
        raise StorageError(
            f"the stored slots {slots.text!r} ({slots.timezone}) cannot be used: {error.message}",
            hint="Set them again with: outreply slots set",
        ) from None
