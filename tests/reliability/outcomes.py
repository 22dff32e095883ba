"""Findings of a case."""

import re
from dataclasses import dataclass, field, fields

_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|internal error:|INTERNAL_ERROR")
_CONTEXT = 2_000


@dataclass
class Outcome:
    """Counts of one case or of many, and notes that explain them.

    Attributes:
        cases: Number of cases.
        twice: Surplus posts.
        lost: Missing posts.
        tracebacks: Runs that printed a traceback or an internal error.
        unnamed: Errors that do not name a file.
        unsettled: Cases in which no run succeeded in the end.
        refused: Runs after the fault that were refused; their advice was followed.
        acknowledged: Deliveries that the receiver acknowledged.
        acknowledged_lost: Acknowledged deliveries missing from the store.
        forwards_lost: Deliveries that never reached the forward target.
    """

    cases: int = 1
    twice: int = 0
    lost: int = 0
    tracebacks: int = 0
    unnamed: int = 0
    unsettled: int = 0
    refused: int = 0
    acknowledged: int = 0
    acknowledged_lost: int = 0
    forwards_lost: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_success(self) -> bool:
        """Whether nothing was sent twice, lost or badly reported."""
        return not (
            self.twice or self.lost or self.tracebacks or self.unnamed or self.unsettled
            or self.acknowledged_lost or self.forwards_lost
        )  # fmt: skip

    def add(self, other: "Outcome") -> None:
        """Add the counts of `other`."""
        for name in (item.name for item in fields(self) if item.name != "notes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def find_traceback(err: str) -> str | None:
    """Return the part of a stderr around a traceback or an internal error, or None."""
    match = _TRACEBACK.search(err)
    return None if match is None else err[match.start() : match.start() + _CONTEXT]
