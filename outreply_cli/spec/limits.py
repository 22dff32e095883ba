"""Limits of the API (reference: Tiers & limits, Endpoint reference)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

SCHEDULE_EARLIEST = timedelta(minutes=10)
SCHEDULE_LATEST = timedelta(days=75)
MAX_MESSAGE_CHARACTERS = 5_000
MIN_PAGE_GAP = timedelta(seconds=60)
BRAND_PUBLISHES_PER_DAY = 500
MAX_LIST_LIMIT = 100
LIST_LIMIT_DEFAULT = 50
MAX_IDEMPOTENCY_KEY_CHARACTERS = 120
IDEMPOTENCY_KEY_LIFETIME = timedelta(hours=24)
# Two years, including a leap day.
MAX_TOKEN_LIFETIME = timedelta(days=731)
# Retention of requests and webhook deliveries in the logs.
LOG_RETENTION = timedelta(days=30)

TOKEN_PREFIXES = ("outreply_live_", "orply_live_", "outreply_test_")
SANDBOX_PREFIX = "outreply_test_"

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, eq=False, repr=False)
class Tier:
    """Limits of a tier; counts per month, sizes in bytes.

    The reference disagrees with itself about Pro (60 requests per minute, or 30 in an example), so
    these are defaults and serve the emulator; values reported by the server win.
    """

    publishes: int
    replies: int
    reads: int
    webhooks: int
    per_minute: int
    storage_bytes: int
    max_file_bytes: int
    active_keys: int

    @property
    def monthly(self) -> dict[str, int]:
        """The monthly quotas by name."""
        names = ("publishes", "replies", "reads", "webhooks")
        return {name: getattr(self, name) for name in names}


TIERS: Mapping[str, Tier] = {
    "free": Tier(60, 200, 10_000, 2_000, 10, 100 * MEGABYTE, 25 * MEGABYTE, 10),
    "pro": Tier(500, 3_000, 100_000, 50_000, 60, 1024 * MEGABYTE, 100 * MEGABYTE, 10),
    "elite": Tier(3_000, 20_000, 1_000_000, 500_000, 300, 5120 * MEGABYTE, 250 * MEGABYTE, 25),
}

SCOPES = (
    "read:account",
    "read:brands",
    "read:pages",
    "read:posts",
    "write:posts",
    "read:comments",
    "write:comments",
    "read:media",
    "write:media",
)
EVERY_SCOPE = "*"


@dataclass(frozen=True, eq=False, repr=False)
class SandboxCaps:
    """Request limits of a sandbox token (reference: Sandbox tokens)."""

    lifetime_requests: int = 100
    per_day: int = 50
    per_minute: int = 5


SANDBOX_CAPS = SandboxCaps()
SANDBOX_SCOPES = tuple(scope for scope in SCOPES if scope.startswith("read:"))

EVENTS: Mapping[str, str] = {
    "post.published": "A scheduled post is successfully published on the platform.",
    "post.failed": "All retry attempts for a scheduled post were exhausted.",
    "comment.received": "Someone comments on one of your linked pages.",
    "comment.replied": "A reply was posted through the API.",
    "account.quota.warning": "The account crossed 80% of a monthly quota.",
}
