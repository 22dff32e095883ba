"""What GitHub Actions shows on a file's lines and in a job's summary."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outreply_cli.bulk.engine import Result
from outreply_cli.bulk.reports import report_object
from outreply_cli.terminal.harmless import harmless
from outreply_cli.terminal.session import Session

_ROWS_SHOWN = 200
_HEAD = (
    "| line | key | when (UTC) | action | status | id | error |",
    "|---|---|---|---|---|---|---|",
)


def annotate_problems(session: Session, problems: Sequence[Mapping[str, Any]]) -> None:
    """Put a calendar's problems on its lines; does nothing outside GitHub Actions."""
    if session.environ.get("GITHUB_ACTIONS") != "true":
        return
    for problem in problems:
        place = f"file={_property(str(problem['file']))},line={problem['line'] or 1}"
        text = ": ".join(filter(None, (str(problem["field"]), str(problem["message"]))))
        session.tell(f"::error {place},title=outreply::{_data(text)}\n")


def annotate_results(session: Session, results: Sequence[tuple[str, Result]]) -> None:
    """Put failed rows on their lines, and every row into the job's summary."""
    if session.environ.get("GITHUB_ACTIONS") != "true":
        return
    document = report_object(results)
    for row in document["rows"]:
        if row["error"] is not None:
            place = f"file={_property(str(row['file']))},line={row['line'] or 1}"
            session.tell(f"::error {place},title=outreply::{_data(row['error']['message'])}\n")
    summary = session.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as stream:
                stream.write(_markdown(document))
        except OSError as failure:
            session.warn(f"GITHUB_STEP_SUMMARY can't be written: {failure.strerror}")


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
    text = "" if value is None else harmless(str(value))
    # A backslash first: it would take the meaning from the one that a bar is given.
    for character, escape in (
        ("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'"),
    ):  # fmt: skip
        text = text.replace(character, escape)
    return text


def _data(text: str) -> str:
    return harmless(text, keep_lines=True).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
