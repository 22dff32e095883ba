"""The limits of an account (reference: GET /account)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outreply_cli.timestamps import timestamp_or_none

BUCKETS = ("publishes", "replies", "reads", "webhooks", "writes")


@dataclass(frozen=True)
class Bucket:
    """Use of one limit; `limit` is None when unlimited."""

    name: str
    used: int
    limit: int | None

    @property
    def remaining(self) -> int | None:
        """Remaining quota; None when unlimited."""
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def share(self) -> float | None:
        """Used share of the limit, 1 for all of it; None when unlimited."""
        if self.limit is None:
            return None
        return self.used / self.limit if self.limit else 1.0


@dataclass(frozen=True)
class Quota:
    """Limits of an account, storage in bytes; those that it does not report are None or missing."""

    buckets: tuple[Bucket, ...]
    resets_at: datetime | None
    storage: Bucket | None
    per_minute: int | None
    per_day: int | None

    @classmethod
    def from_account(cls, account: Mapping[str, Any]) -> "Quota":
        """Read the limits of `account`, ignoring invalid values."""
        quota = _object(account, "quota")
        monthly, rate = _object(quota, "monthly"), _object(quota, "rate_limit")
        storage = _object(quota, "storage")
        storage_used = _count(storage.get("used_bytes"))
        return cls(
            buckets=tuple(
                Bucket(name, used, _count(bucket.get("limit")))
                for name in BUCKETS
                if (used := _count((bucket := _object(monthly, name)).get("used"))) is not None
            ),
            resets_at=timestamp_or_none(monthly.get("resets_at")),
            storage=None
            if storage_used is None
            else Bucket("storage", storage_used, _count(storage.get("limit_bytes"))),
            per_minute=_count(rate.get("per_minute")),
            per_day=_count(rate.get("per_day")),
        )

    def bucket(self, name: str) -> Bucket | None:
        """Return the monthly quota called `name`, or None."""
        return next((bucket for bucket in self.buckets if bucket.name == name), None)


def whole_percent(share: float) -> int:
    """Return a used share in percent, rounded down so that 100 means all."""
    # Not int(share * 100): 285 / 500 * 100 is 56.99999999999999.
    percent = round(share * 100)
    return percent if percent / 100 <= share else percent - 1


def month_start(now: datetime) -> datetime:
    """Return the start of the UTC month of `now`, when the monthly quotas were reset."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
