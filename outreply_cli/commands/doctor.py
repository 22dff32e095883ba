"""`outreply doctor`: what is wrong here, and how to mend it."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.ui.output import Column, Item, Output
from outreply_cli.ui.sanitize import sanitize

if TYPE_CHECKING:
    from rich.text import Text

_STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red", "skipped": "dim"}
_NARROWEST_TEXT = 20
_COLUMNS = (
    Column("Status", "status"),
    Column("Check", "check"),
    Column("Detail", "detail"),
    Column("Hint", "hint"),
)


@command()
def run(context: Context) -> None:
    """Check this machine, the account and the way between; nothing is changed.

    Each check is ok, a warning, a failure, or skipped after another one.
    Exits 0 when nothing failed, 1 otherwise; warnings do not count.
    No secret is shown: the output can go into a report as it is.

    Example: outreply doctor

    Example: outreply doctor --json
    """
    from outreply_cli.doctor.checks import Doctor
    from outreply_cli.doctor.result import ChecksFailedError, CheckStatus, DoctorContext

    patient = DoctorContext(
        context.environ, context.config_dir, context.state_dir, context.options.profile
    )
    watching = context.log_request if context.options.verbose else None
    found = Doctor(patient, context.clock, watching).run()
    show_findings(
        context.output,
        [{**asdict(finding), "status": finding.status.value} for finding in found],
    )
    failed = [finding.check for finding in found if finding.status == CheckStatus.FAILURE]
    if failed:
        count = "1 check" if len(failed) == 1 else f"{len(failed)} checks"
        raise ChecksFailedError(
            f"{count} failed: {', '.join(dict.fromkeys(failed))}", details={"failed": failed}
        )


def show_findings(output: Output, findings: Sequence[Item]) -> None:
    """Show `{check, status, detail, hint}` objects: wrapped for people, a line each in a pipe.

    With `-q` only the names of the checks that failed.
    """
    if output.quiet:
        failed = [result for result in findings if result["status"] == "failure"]
        output.print_list(failed, _COLUMNS, id_field="check")
    elif output.is_terminal and output.format == "table" and output.fields is None:
        from outreply_cli.ui.tables import console_for

        console = console_for(output)
        for line in _lines(findings, output.width):
            console.print(line, soft_wrap=True)
    else:
        output.print_list(findings, _COLUMNS, id_field="check")


def _lines(findings: Sequence[Item], width: int) -> "Iterator[Text]":
    from rich.text import Text

    checks = max((len(str(result["check"])) for result in findings), default=0)
    longest = max(map(len, _STYLES))
    indent = longest + checks + 4
    room = max(_NARROWEST_TEXT, width - indent)
    for result in findings:
        standing = str(result["status"])
        head = Text().append(f"{standing:<{longest}}", style=_STYLES.get(standing, ""))
        head.append(f"  {result['check']:<{checks}}  ", style="bold")
        for number, text in enumerate(_wrapped(str(result["detail"]), room)):
            yield head.append(text) if number == 0 else Text(" " * indent + text)
        if result["hint"]:
            for text in _wrapped(str(result["hint"]), room):
                yield Text(" " * indent + text, style="bold")


def _wrapped(text: str, room: int) -> list[str]:
    # A path or a command that is broken can't be copied.
    return textwrap.wrap(sanitize(text), room, break_long_words=False, break_on_hyphens=False) or [
        ""
    ]
