"""Limits and what is used of them, for people; drawn in meter_bars."""

from dataclasses import dataclass

NOW = "now"


@dataclass(frozen=True)
class Meter:
    """One limit.

    Attributes:
        group: What it stands under.
        name: Harmless.
        used, limit, left: Figures for people, `-` where there is none.
        share: The part that is used; None without a limit.
        note: More, for wide terminals.
    """

    group: str
    name: str
    used: str
    limit: str
    left: str
    share: float | None
    note: str = ""

    @property
    def label(self) -> str:
        """What it is called where it stands under nothing: `publishes this month`."""
        return self.name if self.group == NOW else f"{self.name} {self.group}"

    @property
    def percent(self) -> str:
        """`17%`; rounded down, so that only what is all used is 100%."""
        return "-" if self.share is None else f"{int(self.share * 100)}%"
