"""`outreply doctor`."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import closing

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.ui.columns import Column, Item
from outreply_cli.ui.output import Output
from outreply_cli.ui.redact import redact

_STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red", "skipped": "dim"}
_STATUS_WIDTH = max(map(len, _STYLES))
_MIN_TEXT_WIDTH = 20
_COLUMNS = [Column(name.capitalize(), name) for name in ("status", "check", "detail", "hint")]


@command()
def run(context: Context) -> None:
    """Diagnose problems with your setup, account and network connection.

    The status of a check is ok, warning, failure or skipped. Exits with 1 if any check failed.
    The output contains no secrets and can be shared.

    Example: outreply doctor

    Example: outreply doctor --json
    """
    from outreply_cli.doctor.auth import check_keyring, check_token
    from outreply_cli.doctor.context import DoctorContext
    from outreply_cli.doctor.environment import check_environment
    from outreply_cli.doctor.network import check_network
    from outreply_cli.doctor.result import ChecksFailedError, CheckStatus
    from outreply_cli.doctor.store import check_store
    from outreply_cli.doctor.system import check_system

    doctor = DoctorContext(
        context.environ, context.config_dir, context.state_dir, context.clock,
        context.options.profile, context.log_request if context.options.verbose else None,
    )  # fmt: skip
    checks = (
        check_system, check_store, check_environment, check_keyring, check_network, check_token,
    )  # fmt: skip
    with closing(doctor):
        results = [result for check in checks for result in check(doctor)]
        secrets = [*doctor.secrets, *context.known_secrets]
    items = [
        {
            "check": result.check,
            "status": result.status.value,
            "detail": redact(result.detail, secrets),
            "hint": result.hint and redact(result.hint, secrets),
        }
        for result in results
    ]
    show_results(context.output, items)
    failed = [result.check for result in results if result.status == CheckStatus.FAILURE]
    if failed:
        count = "1 check" if len(failed) == 1 else f"{len(failed)} checks"
        raise ChecksFailedError(
            f"{count} failed: {', '.join(dict.fromkeys(failed))}", details={"failed": failed}
        )


def show_results(output: Output, results: Sequence[Item]) -> None:
    """Print `{check, status, detail, hint}` objects; with `-q`, the names of failed checks."""
    if output.quiet:
        failed = [result for result in results if result["status"] == "failure"]
        output.print_list(failed, _COLUMNS, id_field="check")
    elif output.is_terminal and output.format == "table" and output.fields is None:
        for line in _lines(results, output):
            output.print_text(line)
    else:
        output.print_list(results, _COLUMNS, id_field="check")


def _lines(results: Sequence[Item], output: Output) -> Iterator[str]:
    check_width = max((len(str(result["check"])) for result in results), default=0)
    indent = _STATUS_WIDTH + check_width + 4
    text_width = max(_MIN_TEXT_WIDTH, output.width - indent)
    for result in results:
        status = str(result["status"])
        head = output.style_text(f"{status:<{_STATUS_WIDTH}}", _STYLES.get(status, ""))
        head += output.style_text(f"  {result['check']:<{check_width}}  ", "bold")
        first, *rest = _wrap(str(result["detail"]), text_width)
        yield head + first
        for text in rest:
            yield " " * indent + text
        for text in _wrap(str(result["hint"]), text_width) if result["hint"] else []:
            yield output.style_text(" " * indent + text, "bold")


def _wrap(text: str, width: int) -> list[str]:
    # Paths and commands are never broken, so that they can be copied.
    lines = textwrap.wrap(sanitize(text), width, break_long_words=False, break_on_hyphens=False)
    return lines or [""]
