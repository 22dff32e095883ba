"""`outreply webhooks verify`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import (
    FileOption,
    SecretOption,
    read_raw,
    webhook_secrets,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, OutReplyError


class BadSignatureError(OutReplyError):
    """The signature does not fit."""

    code = "BAD_SIGNATURE"


@command(api=False)
def run(
    context: Context,
    signature: Annotated[str, typer.Option(metavar="S", help="The X-OutReply-Signature header.")],
    file: FileOption = "-",
    timestamp: Annotated[
        str | None, typer.Option(metavar="T", help="The X-OutReply-Timestamp header.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="How far that may be from now.")
    ] = None,
    secret_env: SecretOption = None,
) -> None:
    """Say whether a body was signed with the secret, and if not, why.

    Exits with 1 when it was not.

    Example: outreply webhooks verify --signature "$(outreply webhooks sign -F body.json)" -F body.json

    Example: outreply webhooks verify --signature "$(outreply webhooks sign -F body.json)" < body.json
    """  # noqa: E501 - a line that can be pasted
    from outreply_cli.webhooks.diagnose import diagnose
    from outreply_cli.webhooks.signature import Tolerance

    secrets = webhook_secrets(context, secret_env or [])
    if not secrets.values:
        raise InvalidInputError(
            "there is no secret to verify with",
            hint="Set OUTREPLY_WEBHOOK_SECRET, or name another variable with --secret-env.",
        )
    found = diagnose(
        read_raw(context, file), signature, secrets.values, names=secrets.names,
        timestamp=timestamp, tolerance=Tolerance(tolerance), now=context.clock.now().timestamp(),
    )  # fmt: skip
    if not found.verdict.is_valid:
        raise BadSignatureError(
            f"bad: {found.verdict.reason}: {'; '.join(found.findings)}",
            details={"reason": str(found.verdict.reason), "findings": list(found.findings)},
        )
    if context.options.output == "table":
        context.output.print_line("good: " + "; ".join(found.findings))
    else:
        context.output.write_json({"verified": True, "findings": list(found.findings)})
