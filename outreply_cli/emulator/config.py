"""The behavior of an emulator, chosen when it starts."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class EmulatorConfig:
    """The options of `emulator start`.

    Attributes:
        seed: The random seed for reproducible IDs and failures; None for random IDs.
        is_frozen: Whether the clock moves only by `advance`.
        failure_rate: The fraction of scheduled posts, 0 to 1, that fail when they become due.
        comments_per_post: The number of comments received in the day after a post is published.
        allow_external: Whether webhooks may go to other machines.
        is_lenient: Whether platforms take every post that the API accepts.
        starts_at: The time of the clock of a new state; None for the machine's time.
        has_growth: Whether likes, shares and followers change with the clock.
    """

    seed: int | None = None
    is_frozen: bool = False
    failure_rate: float = 0.0
    comments_per_post: int = 0
    allow_external: bool = False
    is_lenient: bool = False
    starts_at: datetime | None = None
    has_growth: bool = False
