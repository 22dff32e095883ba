"""Escaping in annotations and job summaries of GitHub Actions."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outreply_cli.bulk.executor import RowResult, RowStatus
from outreply_cli.bulk.plan import Action, ActionType
from outreply_cli.bulk.reports import build_report
from outreply_cli.commands.bulk.github_actions import annotate_results
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError

WHEN = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "cell"),
    [("a|b", "a\\|b"), ("a\\|b", "a\\\\\\|b"), ("a\r\n| b", "a \\| b"), ("\ud800", "\\\\ud800")],
)
def test_annotate_results_escapes_messages(tmp_path: Path, message: str, cell: str) -> None:
    summary, stderr = tmp_path / "summary.md", io.StringIO()
    context = Context(
        environ={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}, stderr=stderr
    )
    failed = RowResult(
        Action(ActionType.CANCEL, WHEN, "p", None), RowStatus.FAILED, "1", OutReplyError(message)
    )
    annotate_results(context, build_report([("c.csv", failed)]))
    assert summary.read_text().splitlines()[4].endswith(f"| failed | 1 | {cell} |")
    assert stderr.getvalue().count("\n") == 1
    assert "\x1b" not in stderr.getvalue()
