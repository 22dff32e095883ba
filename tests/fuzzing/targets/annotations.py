"""GitHub Actions annotations: text never adds a workflow command or a table cell."""

import io
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from outreply_cli.bulk.executor import RowResult, RowStatus
from outreply_cli.bulk.plan import Action, ActionType
from outreply_cli.bulk.reports import build_report
from outreply_cli.commands.bulk.github_actions import annotate_problems, annotate_results
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError
from tests.fuzzing.target import InputReader, Target, as_text, scratch
from tests.fuzzing.targets.screens import assert_sanitized

_WHEN = datetime(2026, 12, 24, 17, 0, tzinfo=UTC)
_COMMAND = re.compile(r"::error file=[^:,]*,line=\d+,title=outreply::.*")


@cache
def _summary() -> Path:
    return scratch() / "summary.md"


def _check(data: bytes) -> None:
    reader = InputReader(data)
    file, post, message = (as_text(reader.part()) for _ in range(3))
    summary = _summary()
    summary.unlink(missing_ok=True)
    stderr = io.StringIO()
    context = Context(
        environ={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}, stderr=stderr
    )
    annotate_problems(context, [{"file": file, "line": 3, "field": post, "message": message}])
    action = Action(ActionType.CANCEL, _WHEN, "p", None)
    result = RowResult(action, RowStatus.FAILED, post, OutReplyError(message))
    annotate_results(context, build_report([(file, result)]))
    output = stderr.getvalue()
    assert_sanitized(output)
    assert [bool(_COMMAND.fullmatch(line)) for line in output.split("\n")] == [True, True, False]
    page = summary.read_bytes().decode()
    assert_sanitized(page)
    title, blank, _, ruler, row, *rest = page.split("\n")
    assert title.startswith("### outreply: ")
    assert (blank, rest) == ("", ["", ""])
    # Only an unescaped pipe starts a cell.
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == ruler.count("|")
    assert not re.search(r"<\w", row)


_TEXTS = (
    b"calendar.csv", b"a:b,c%d", b"x\n::error file=y::owned", b"x\r::set-output name=a::b", b"a|b",
    b"a\\|b\\\\|", b"<script>alert(1)</script>", b"[x](http://evil)", b"\x1b[2J", b"\xff",
    b"\xe2\x80\xae", b"`code`", b"::stop-commands::t", b"%0A::error::x",
)  # fmt: skip
TARGETS = (
    Target(
        "annotations", _check,
        [b"\0\0".join((a, b, a)) for n, a in enumerate(_TEXTS) for b in (_TEXTS[n - 1], b"1")],
        [*_TEXTS, b"|", b"\\", b"\\|", b"\r", b"\n"],
        smoke=150,
    ),
)  # fmt: skip
