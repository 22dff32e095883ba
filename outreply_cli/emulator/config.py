"""How an emulator behaves where the reference leaves it open: chosen when it starts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EmulatorConfig:
    """What `emulator start` may ask for.

    Attributes:
        seed: Makes ids and every chance the same at each run; None for random ids.
        is_frozen: Whether its clock stands still but for `advance`.
        failure_rate: The share of scheduled posts, 0 to 1, that fail when they fall due.
        comments_per_post: How many comments arrive in the day after a post is published.
        sends_anywhere: Whether webhooks may go to other machines.
    """

    seed: int | None = None
    is_frozen: bool = False
    failure_rate: float = 0.0
    comments_per_post: int = 0
    sends_anywhere: bool = False
