"""What GitHub Actions shows on a file's lines and in a job's summary."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outreply_cli.bulk.executor import RowResult
from outreply_cli.bulk.reports import build_report
from outreply_cli.context import Context
from outreply_cli.ui.sanitize import sanitize

_ROWS_SHOWN = 200
_HEAD = (
    "| line | key | when (UTC) | action | status | id | error |",
    "|---|---|---|---|---|---|---|",
)


def annotate_problems(
    context: Context, problems: Sequence[Mapping[str, Any]], *, level: str = "error"
) -> None:
    """Put a calendar's problems on its lines; does nothing outside GitHub Actions.

    Args:
        context: Says whether this is one of its jobs.
        problems: As CalendarProblem tells of itself.
        level: `error` or `warning`.
    """
    if context.environ.get("GITHUB_ACTIONS") != "true":
        return
    for problem in problems:
        text = ": ".join(filter(None, (str(problem["field"]), str(problem["message"]))))
        _annotate(context, level, problem, text)


def annotate_results(context: Context, results: Sequence[tuple[str, RowResult]]) -> None:
    """Put failed rows on their lines, and every row into the job's summary."""
    if context.environ.get("GITHUB_ACTIONS") != "true":
        return
    document = build_report(results)
    for row in document["rows"]:
        if row["error"] is not None:
            _annotate(context, "error", row, row["error"]["message"])
    summary = context.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as stream:
                stream.write(_markdown(document))
        except OSError as failure:
            context.warn(f"GITHUB_STEP_SUMMARY can't be written: {failure.strerror}")


def _annotate(context: Context, level: str, item: Mapping[str, Any], text: str) -> None:
    # A step may run in a directory of its own; annotations are found from the repository's root.
    path = Path(str(item["file"])).absolute()
    root = context.environ.get("GITHUB_WORKSPACE")
    inside = root is not None and path.is_relative_to(root)
    name = path.relative_to(root).as_posix() if inside and root else str(item["file"])
    place = f"file={_property(name)},line={item['line'] or 1}"
    context.echo_err(f"::{level} {place},title=outreply::{_data(text)}\n")


def _markdown(document: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in document["summary"].items() if count)
    lines = [f"### outreply: {counts or 'nothing to do'}", "", *_HEAD]
    for row in document["rows"][:_ROWS_SHOWN]:
        error = row["error"]["message"] if row["error"] else ""
        cells = (row["line"], row["key"], row["scheduled_at"], row["action"], row["status"],
                 row["id"], error)  # fmt: skip
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    if len(document["rows"]) > _ROWS_SHOWN:
        lines.append(f"\n… and {len(document['rows']) - _ROWS_SHOWN} rows more")
    return "\n".join(lines) + "\n\n"


def _cell(value: Any) -> str:
    text = "" if value is None else sanitize(str(value))
    # A backslash first: it would take the meaning from the one that a bar is given.
    for character, escape in (
        ("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'"),
    ):  # fmt: skip
        text = text.replace(character, escape)
    return text


def _data(text: str) -> str:
    return sanitize(text, keep_lines=True).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
