"""`outreply webhooks check`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.output import duration_column
from outreply_cli.commands.webhooks.shared import PublicOption, SecretOption, require_secrets
from outreply_cli.context import Context
from outreply_cli.errors import PartialFailureError


@command(api=False)
def run(
    context: Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="URL of your handler.")],
    secret_env: SecretOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Check a webhook handler.

    Sends valid, invalid, repeated, late, oversized and concurrent deliveries. Exits with 3 if a
    check fails.

    Example: outreply webhooks check localhost:3000/hooks

    Example: outreply webhooks check localhost:3000/hooks --json
    """
    from outreply_cli.net.deliver import validate_url
    from outreply_cli.net.ssrf import reach_from_option
    from outreply_cli.ui.columns import Column
    from outreply_cli.webhooks.conformance import HandlerConformance

    reach = reach_from_option(allow_public=allow_public)
    target = validate_url(url, "URL", reach=reach)
    secret = require_secrets(context, secret_env).values[0]
    conformance = HandlerConformance(target, secret, context.clock.now(), reach=reach)
    items = [
        {"check": check.name, "status": "ok" if check.passed else "failure",
         "expected": check.expected, "detail": check.response,
         "hint": None if check.passed else check.hint,
         "latency_ms": round(check.milliseconds, 3)}
        for check in conformance.run()
    ]  # fmt: skip
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
    failed = [item for item in items if item["status"] == "failure"]
    for hint in dict.fromkeys(item["hint"] for item in failed):
        context.info(f"- {hint}")
    if failed:
        raise PartialFailureError(f"{len(failed)} of {len(items)} checks failed at {target}")
