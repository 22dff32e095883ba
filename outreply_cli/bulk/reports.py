"""Reports of bulk runs as JSON and CSV."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from outreply_cli.bulk.executor import RowResult, RowStatus
from outreply_cli.bulk.plan import ActionType, Plan
from outreply_cli.errors import StorageError
from outreply_cli.timestamps import format_timestamp

# Pairs of a calendar file and the result of a row.
Results = Sequence[tuple[str, RowResult]]

_SUMMARY_KEYS = {
    ActionType.CREATE: "created",
    ActionType.CHANGE: "changed",
    ActionType.KEEP: "unchanged",
    ActionType.CANCEL: "cancelled",
}
# Some spreadsheets evaluate full-width signs too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = ("file", "line", "key", "page_id", "scheduled_at", "action", "status", "id", "error")


def results_from_plan(plan: Plan) -> list[RowResult]:
    """Return the actions of a plan as the results of a dry run."""
    return [
        RowResult(
            action, RowStatus.UNKNOWN if action.unresolved else RowStatus.PLANNED, action.post_id
        )
        for action in plan.actions
    ]


def build_report(results: Results) -> dict[str, Any]:
    """Return the JSON report: a summary whose counts add up to the rows, and the rows."""
    summary = dict.fromkeys((*_SUMMARY_KEYS.values(), "failed", "pending", "unknown"), 0)
    for _, result in results:
        summary[summary_key(result)] += 1
    return {"summary": summary, "rows": [_row(file, result) for file, result in results]}


def summary_key(result: RowResult) -> str:
    """Return the count of the summary that a row belongs to."""
    if result.status in {RowStatus.FAILED, RowStatus.PENDING, RowStatus.UNKNOWN}:
        return result.status.value
    return _SUMMARY_KEYS[result.action.kind]


def write_report(path: Path, results: Results) -> None:
    """Write the rows as CSV, safe to open in a spreadsheet.

    Raises:
        StorageError: The file cannot be written.
    """
    try:
        # Lone surrogates in a server's text are written as escapes.
        with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            writer.writerows(_cells(_row(file, result)) for file, result in results)
    except OSError as failure:
        raise StorageError(f"cannot write the report {path}: {failure.strerror}") from None


def escape_formula(text: str) -> str:
    """Return `text` as a spreadsheet shows it instead of evaluating it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _row(file: str, result: RowResult) -> dict[str, Any]:
    action, error = result.action, result.error
    return {
        "file": file,
        "line": action.line,
        "key": action.key,
        "page_id": action.page_id,
        "scheduled_at": format_timestamp(action.scheduled_at),
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
        yield escape_formula("" if value is None else str(value))
