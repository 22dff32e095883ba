"""Reports of bulk runs."""

from datetime import UTC, datetime

from outreply_cli.bulk.executor import RowResult, RowStatus
from outreply_cli.bulk.plan import Action, ActionType, Plan
from outreply_cli.bulk.reports import build_report, results_from_plan

WHEN = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)


def test_report_summary_adds_up_to_rows() -> None:
    results = [
        ("c.csv", RowResult(Action(kind, WHEN, "p", None), status))
        for kind in ActionType
        for status in RowStatus
    ]
    report = build_report(results)
    assert sum(report["summary"].values()) == len(report["rows"]) == 20
    assert report["summary"] == {
        "created": 2, "changed": 2, "unchanged": 2, "cancelled": 2,
        "failed": 4, "pending": 4, "unknown": 4,
    }  # fmt: skip


def test_dry_run_reports_unresolved_row_as_unknown() -> None:
    held = Action(ActionType.KEEP, WHEN, "p", None, unresolved=True)
    new = Action(ActionType.CREATE, WHEN, "p", None)
    results = results_from_plan(Plan([held, new], []))
    assert [result.status for result in results] == ["unknown", "planned"]
