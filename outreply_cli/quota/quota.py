"""What `GET /account` tells of the limits (reference: GET /account), as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outreply_cli.timestamps import parse_timestamp

BUCKETS = ("publishes", "replies", "reads", "webhooks", "writes")


@dataclass(frozen=True)
class Bucket:
    """One limit and what is used of it; `limit` is None where there is none."""

    name: str
    used: int
    limit: int | None

    @property
    def remaining(self) -> int | None:
        """What is left, at least nothing; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def share(self) -> float | None:
        """The part that is used, 1 for all of it; None without a limit."""
        if self.limit is None:
            return None
        return self.used / self.limit if self.limit else 1.0


@dataclass(frozen=True)
class Quota:
    """The limits of an account; what it does not tell is None or missing.

    Attributes:
        buckets: This month's.
        resets_at: When they begin anew.
        storage: In bytes.
        per_minute, per_day: Requests that may be sent.
    """

    buckets: tuple[Bucket, ...]
    resets_at: datetime | None
    storage: Bucket | None
    per_minute: int | None
    per_day: int | None

    @classmethod
    def from_account(cls, account: Mapping[str, Any]) -> "Quota":
        """What `account` tells; anything that is no figure is left out."""
        quota = _object(account, "quota")
        monthly, rate = _object(quota, "monthly"), _object(quota, "rate_limit")
        storage = _object(quota, "storage")
        used = _count(storage.get("used_bytes"))
        return cls(
            buckets=tuple(
                Bucket(name, spent, _count(bucket.get("limit")))
                for name in BUCKETS
                if (spent := _count((bucket := _object(monthly, name)).get("used"))) is not None
            ),
            resets_at=_instant(monthly.get("resets_at")),
            storage=None
            if used is None
            else Bucket("storage", used, _count(storage.get("limit_bytes"))),
            per_minute=_count(rate.get("per_minute")),
            per_day=_count(rate.get("per_day")),
        )

    def bucket(self, name: str) -> Bucket | None:
        """The month's bucket called `name`, where the account tells of it."""
        return next((bucket for bucket in self.buckets if bucket.name == name), None)


def month_start(now: datetime) -> datetime:
    """The first instant of the UTC month of `now`, when the buckets were empty."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _instant(value: Any) -> datetime | None:
    try:
        return parse_timestamp(value) if isinstance(value, str) else None
    except ValueError:
        return None
