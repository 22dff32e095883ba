"""Limits and their use, formatted for people; `bars` draws them."""

from dataclasses import dataclass

from outreply_cli.quota.quota import whole_percent

NOW = "now"


@dataclass(frozen=True)
class Meter:
    """Use of one limit, formatted: `-` when unlimited or unknown.

    `group` is the heading above the limit, and `note` has details for wide terminals.
    """

    group: str
    name: str
    used: str
    limit: str
    remaining: str
    share: float | None
    note: str = ""

    @property
    def label(self) -> str:
        """Name without a heading above it, such as `publishes this month`."""
        return self.name if self.group == NOW else f"{self.name} {self.group}"

    @property
    def percent(self) -> str:
        """Used share such as `17%`, rounded down so that 100% means all."""
        return "-" if self.share is None else f"{whole_percent(self.share)}%"
