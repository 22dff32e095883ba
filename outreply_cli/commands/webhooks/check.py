"""`outreply webhooks check`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from outreply_cli import __version__
from outreply_cli.cli.options import argument, command, option
from outreply_cli.commands.output_file import STDOUT, check_html_file, write_output_file
from outreply_cli.commands.webhooks.output import duration_column
from outreply_cli.commands.webhooks.responses import print_response, response_to_dict
from outreply_cli.commands.webhooks.shared import PublicOption, SecretOption, require_secrets
from outreply_cli.context import Context
from outreply_cli.errors import PartialFailureError
from outreply_cli.ui.redact import redact

if TYPE_CHECKING:
    from outreply_cli.webhooks.conformance import ConformanceResult


@command(api=False)
def run(
    context: Context,
    url: Annotated[str, argument("URL", "URL of your handler.")],
    html: Annotated[
        Path | None, option("FILE", "Write an HTML report to this file (- for stdout).")
    ] = None,
    secret_env: SecretOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Check a webhook handler.

    Sends valid, invalid, repeated, concurrent, out-of-order, late and oversized deliveries, and
    deliveries signed as during a secret rotation. Exits with 3 if a check fails or a response
    takes longer than 8 s.

    Example: outreply webhooks check localhost:3000/hooks

    Example: outreply webhooks check localhost:3000/hooks --html report.html
    """
    from outreply_cli.net.deliver import validate_url
    from outreply_cli.net.ssrf import reach_from_option
    from outreply_cli.ui.columns import Column
    from outreply_cli.webhooks.conformance import HandlerConformance, group_failures

    reach = reach_from_option(allow_public=allow_public)
    target = validate_url(url, "URL", reach=reach)
    secret, *others = require_secrets(context, secret_env).values
    hidden = [secret, *others, *context.known_secrets]
    if html is not None:
        check_html_file(context, html)
    zone = context.zone()
    started_at = context.clock.now()
    checks = list(HandlerConformance(target, secret, started_at, reach=reach).run())
    failed = [check for check in checks if not check.passed]
    groups = group_failures(checks)
    items = [_to_dict(check, hidden) for check in checks]
    if html != STDOUT:
        context.output.print_list(
            items,
            [
                Column("Status", "status",
                       style=lambda item: "green" if item["status"] == "ok" else "bold red"),
                Column("Check", "check"), Column("Expected", "expected"),
                Column("Response", "detail", shrinkable=True), duration_column(),
            ],
            id_field="check",
        )  # fmt: skip
    if html is not None:
        from outreply_cli.net.html import render_document
        from outreply_cli.times import format_time

        document = render_document(
            "webhook_check.html",
            checks=items,
            failed=len(failed),
            responses=[
                {"checks": [check.name for check in group], "error": group[0].result.error,
                 "response": response_to_dict(group[0].result, hidden)}
                for group in groups
            ],
            url=_redact_url(target, hidden),
            checked_at=format_time(started_at.replace(microsecond=0), zone),
            version=__version__,
        )  # fmt: skip
        write_output_file(context, html, document, f"Wrote the report to {html}.")
    if context.options.output == "table":
        for group in groups:
            context.info(f"{', '.join(check.name for check in group)}:")
            print_response(context, group[0].result, hidden)
    for hint in dict.fromkeys(check.hint for check in failed):
        context.info(f"- {hint}")
    if failed:
        raise PartialFailureError(f"{len(failed)} of {len(checks)} checks failed at {target}")


def _to_dict(check: "ConformanceResult", secrets: Sequence[str]) -> dict[str, Any]:
    return {
        "check": check.name,
        "status": "ok" if check.passed else "failure",
        "expected": check.expected,
        "detail": check.detail,
        "hint": None if check.passed else check.hint,
        "latency_ms": round(check.milliseconds, 3),
        "response": response_to_dict(check.result, secrets),
    }


def _redact_url(url: str, secrets: Sequence[str]) -> str:
    """A URL without secrets and the values of its query, which may be secrets such as a token."""
    address, mark, query = url.partition("?")
    return redact(address, secrets) + mark + re.sub(r"(?<==)[^&#]+", "(hidden)", query)
