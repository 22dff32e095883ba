"""`outreply webhooks check`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import PublicOption, SecretOption, require_secret
from outreply_cli.context import Context
from outreply_cli.errors import PartialFailureError


@command(api=False)
def run(
    context: Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Your handler.")],
    secret_env: SecretOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Try a handler with good, bad, late, repeated, oversized and simultaneous deliveries.

    Exits with 3 when it got something wrong.

    Example: outreply webhooks check localhost:3000/hooks

    Example: outreply webhooks check localhost:3000/hooks --json
    """
    from outreply_cli.net.deliver import validate_url
    from outreply_cli.net.ssrf import reach_for
    from outreply_cli.ui.output import Column
    from outreply_cli.webhooks.conformance import HandlerConformance

    target = validate_url(url, "URL", reach=reach_for(allow_public=allow_public))
    checkup = HandlerConformance(
        target,
        require_secret(context, secret_env),
        context.clock.now(),
        reach=reach_for(allow_public=allow_public),
    )
    items = [
        {"trial": trial.name, "wanted": trial.wanted, "answer": trial.answer,
         "right": trial.is_right, "advice": None if trial.is_right else trial.advice,
         "latency_ms": round(trial.milliseconds, 3)}
        for trial in checkup.run()
    ]  # fmt: skip
    context.output.print_list(
        items,
        [
            Column("", "right", lambda it: "ok" if it["right"] else "WRONG",
                   style=lambda it: "green" if it["right"] else "bold red"),
            Column("Tried", "trial"), Column("Wanted", "wanted"),
            Column("Answer", "answer", shrinkable=True),
            Column("Took", "latency_ms", lambda it: f"{it['latency_ms']:.0f} ms"),
        ],
        id_field="trial",
    )  # fmt: skip
    wrong = [item for item in items if not item["right"]]
    for advice in dict.fromkeys(item["advice"] for item in wrong):
        context.info(f"- {advice}")
    if wrong:
        raise PartialFailureError(f"{len(wrong)} of {len(items)} went wrong at {target}")
