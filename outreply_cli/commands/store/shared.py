"""Code shared by the commands of `outreply store`."""

from collections.abc import Mapping
from typing import Any

from outreply_cli.context import Context
from outreply_cli.journal.transfer import CopyReport

_MAX_DIFFERENT_SHOWN = 5


def report_copy(context: Context, report: CopyReport, facts: Mapping[str, Any]) -> None:
    """Report what was added to a store, and what differs from it; `facts` are for programs."""
    added, present = report.added, report.present
    for name in report.different[:_MAX_DIFFERENT_SHOWN]:
        context.warn(f"{name}: the store has this post in another state, and keeps that state")
    hidden = len(report.different) - _MAX_DIFFERENT_SHOWN
    if hidden > 0:
        context.warn(f"{hidden} more posts are in another state in the store")
    context.report(
        {**facts, "added": added, "present": present, "different": len(report.different)},
        f"Added {added:,} post{'s' * (added != 1)}; {present:,} were in the store already.",
    )
