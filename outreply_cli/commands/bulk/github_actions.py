"""Annotations and job summaries of GitHub Actions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outreply_cli.context import Context
from outreply_cli.formats.sanitize import sanitize

_MAX_ROWS = 200
_HEAD = (
    "| line | key | when (UTC) | action | status | id | error |",
    "|---|---|---|---|---|---|---|",
)

_CELL_ESCAPES = str.maketrans({"\\": "\\\\", "&": "&amp;", "<": "&lt;", "|": "\\|", "`": "'"})


def is_github_actions(context: Context) -> bool:
    """Return whether the command runs in a workflow of GitHub Actions."""
    return context.environ.get("GITHUB_ACTIONS") == "true"


def annotate_problems(
    context: Context, problems: Sequence[Mapping[str, Any]], *, level: str = "error"
) -> None:
    """Annotate the lines of a calendar with its problems; no-op outside of GitHub Actions.

    `level` is `error` or `warning`.
    """
    if not is_github_actions(context):
        return
    for problem in problems:
        text = ": ".join(filter(None, (str(problem["field"]), str(problem["message"]))))
        _annotate(context, level, problem, text)


def annotate_results(context: Context, report: Mapping[str, Any]) -> None:
    """Annotate the lines of failed rows, and write all rows of a report to the job summary."""
    if not is_github_actions(context):
        return
    for row in report["rows"]:
        if row["error"] is not None:
            _annotate(context, "error", row, row["error"]["message"])
    summary = context.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as stream:
                stream.write(_markdown(report))
        except OSError as failure:
            context.warn(f"cannot write GITHUB_STEP_SUMMARY: {failure.strerror}")


def _annotate(context: Context, level: str, item: Mapping[str, Any], text: str) -> None:
    # GitHub resolves annotations from the root of the repository, not from the step's directory.
    path = Path(str(item["file"])).absolute()
    root = context.environ.get("GITHUB_WORKSPACE")
    inside = root is not None and path.is_relative_to(root)
    name = path.relative_to(root).as_posix() if inside and root else str(item["file"])
    file = _escape_data(name).replace(":", "%3A").replace(",", "%2C")
    position = f"file={file},line={item['line'] or 1}"
    context.echo_err(f"::{level} {position},title=outreply::{_escape_data(text)}\n")


def _markdown(report: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in report["summary"].items() if count)
    lines = [f"### outreply: {counts or 'nothing to do'}", "", *_HEAD]
    for row in report["rows"][:_MAX_ROWS]:
        error = row["error"]["message"] if row["error"] else ""
        cells = (row["line"], row["key"], row["scheduled_at"], row["action"], row["status"],
                 row["id"], error)  # fmt: skip
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    if len(report["rows"]) > _MAX_ROWS:
        lines.append(f"\n… and {len(report['rows']) - _MAX_ROWS} more rows")
    return "\n".join(lines) + "\n\n"


def _cell(value: Any) -> str:
    return "" if value is None else sanitize(str(value)).translate(_CELL_ESCAPES)


def _escape_data(text: str) -> str:
    return sanitize(text, keep_lines=True).replace("%", "%25").replace("\n", "%0A")
