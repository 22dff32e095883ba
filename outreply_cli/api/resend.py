"""The rule for a write that may have been carried out: send, repeat or hold. Pure functions.

The API returns the first response for the same key from the same token within 24 hours (reference:
Idempotency). It guarantees nothing for another token or after that time, and lists hold up to 100
objects of a page, possibly seconds late. So the rule, for every write:

1. Send a write that was never sent.
2. Search the lists for one that may have been carried out. If it is found, it is done.
3. Send it if a complete list proves that it was not carried out.
4. Repeat it with the same key while the server is certain to remember the key of this token.
5. Otherwise send nothing, and report the outcome as unknown.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from outreply_cli.spec.limits import IDEMPOTENCY_KEY_LIFETIME

# The clocks of client and server may disagree about when 24 hours are over.
KEY_SAFE_LIFETIME = IDEMPOTENCY_KEY_LIFETIME - timedelta(hours=2)
# An object may be listed this much later than it was created.
LIST_LAG = timedelta(seconds=30)
# A process may have sent a request this much later than it recorded, because it was suspended.
_MAX_SUSPENSION = timedelta(minutes=2)


class Step(StrEnum):
    """The next step of a write.

    Attributes:
        SEND: Send it; nothing that was sent before can have an effect.
        REPEAT: Send it again with the same key.
        RECORD: The object exists: the write is done.
        HOLD: Send nothing; its outcome cannot be determined.
    """

    SEND = "send"
    REPEAT = "repeat"
    RECORD = "record"
    HOLD = "hold"


@dataclass(frozen=True)
class Attempts:
    """The attempts of a write that may have been carried out.

    Attributes:
        first_at: Time of the first attempt, by the server's clock.
        last_at: Time of the last attempt, by the server's clock.
        token: Digest of the token that sent it; "" if it is not known.
    """

    first_at: datetime
    last_at: datetime
    token: str


@dataclass(frozen=True)
class SearchResult:
    """The result of searching the lists for a write.

    Attributes:
        is_found: Whether its object is listed.
        is_complete: Whether the lists were read, were not truncated, and hold all objects.
        at: Time of the search, by the server's clock.
    """

    is_found: bool
    is_complete: bool
    at: datetime


def next_step(attempts: Attempts, search: SearchResult, *, now: datetime, token: str) -> Step:
    """Return the next step of a write that may have been carried out.

    Args:
        attempts: The attempts so far.
        search: A search of the lists after the last attempt.
        now: The current time, by the server's clock.
        token: Digest of the token that would send it.
    """
    if search.is_found:
        return Step.RECORD
    since_last = search.at - attempts.last_at
    if search.is_complete and since_last >= _MAX_SUSPENSION:
        return Step.SEND
    if attempts.token == token != "" and is_key_remembered(now - attempts.first_at):
        return Step.REPEAT
    if search.is_complete and since_last >= LIST_LAG:
        return Step.SEND
    return Step.HOLD


def is_key_remembered(age: timedelta) -> bool:
    """Return whether the server is certain to remember a key that it first received `age` ago.

    A negative age, from a clock that was set back, is as uncertain as a long one.
    """
    return abs(age) < KEY_SAFE_LIFETIME
