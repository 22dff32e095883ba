"""What a run tells: the contract's JSON, and a CSV to hand back to whoever made the spreadsheet."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from outreply_cli.bulk.executor import RowResult, RowStatus
from outreply_cli.bulk.plan import ActionType, Plan
from outreply_cli.errors import StorageError
from outreply_cli.timestamps import format_timestamp

_COUNTED_AS = {
    ActionType.CREATE: "created",
    ActionType.CHANGE: "changed",
    ActionType.KEEP: "unchanged",
    ActionType.CANCEL: "cancelled",
}
# Some spreadsheets read the wide forms of East Asian keyboards too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = ("file", "line", "key", "page_id", "scheduled_at", "action", "status", "id", "error")


def planned_results(plan: Plan) -> list[RowResult]:
    """A plan's actions as the results of a dry run."""
    return [
        RowResult(action, RowStatus.PLANNED, action.entry.post_id if action.entry else None)
        for action in plan.actions
    ]


def build_report(results: Sequence[tuple[str, RowResult]]) -> dict[str, Any]:
    """The contract's object: how many of each, and every row.

    Args:
        results: Each with the file that it belongs to.
    """
    summary = dict.fromkeys(
        ("created", "changed", "unchanged", "cancelled", "failed", "pending"), 0
    )
    for _, result in results:
        summary[summary_key(result)] += 1
    return {"summary": summary, "rows": [_row(file, result) for file, result in results]}


def summary_key(result: RowResult) -> str:
    """Which number of the summary a row counts in."""
    if result.status == RowStatus.FAILED:
        return "failed"
    if result.status == RowStatus.PENDING:
        return "pending"
    return _COUNTED_AS[result.action.kind]


def write_report(path: Path, results: Sequence[tuple[str, RowResult]]) -> None:
    """Write the rows as CSV; cells that a spreadsheet would run are made text.

    Raises:
        StorageError: The file can't be written.
    """
    try:
        # A server's text may have characters that no file can hold: they are shown as escapes.
        with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            writer.writerows(_cells(_row(file, result)) for file, result in results)
    except OSError as failure:
        raise StorageError(f"the report {path} can't be written: {failure.strerror}") from None


def formula_safe(text: str) -> str:
    """`text` so that a spreadsheet shows it instead of running it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _row(file: str, result: RowResult) -> dict[str, Any]:
    action, error = result.action, result.error
    row = action.matched.target.row if action.matched else None
    return {
        "file": row.file if row else file,
        "line": row.line if row else None,
        "key": row.key if row else None,
        "page_id": action.page_id,
        "scheduled_at": format_timestamp(action.instant),
        "action": action.kind.value,
        "status": result.status.value,
        "id": result.post_id,
        "error": {"code": error.code, "message": error.message} if error else None,
    }


def _cells(row: dict[str, Any]) -> Iterator[str]:
    for column in COLUMNS:
        value = row[column]
        if isinstance(value, dict):
            value = f"{value['code']}: {value['message']}"
        yield formula_safe("" if value is None else str(value))
