"""`outreply webhooks verify`."""

from typing import Annotated

from outreply_cli.cli.options import command, option
from outreply_cli.commands.webhooks.shared import FileOption, SecretOption, require_secrets
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError


class InvalidSignatureError(OutReplyError):
    """Verification failed."""

    code = "INVALID_SIGNATURE"


@command(api=False)
def run(
    context: Context,
    signature: Annotated[str, option("SIGNATURE", "Verify this X-OutReply-Signature header.")],
    file: FileOption = "-",
    timestamp: Annotated[
        str | None, option("TIMESTAMP", "Check this X-OutReply-Timestamp header.")
    ] = None,
    tolerance: Annotated[
        float | None, option("SECONDS", "Reject timestamps further than this from now.", min=0)
    ] = None,
    secret_env: SecretOption = None,
) -> None:
    """Verify a webhook signature and explain failures.

    Exits with 1 if verification fails.

    Example: outreply webhooks verify --signature "$(outreply webhooks sign -F body.json)" -F body.json

    Example: outreply webhooks verify --signature "$(outreply webhooks sign -F body.json)" < body.json
    """  # noqa: E501 - a line that can be pasted
    from outreply_cli.ui.files import read_file
    from outreply_cli.webhooks.diagnose import diagnose
    from outreply_cli.webhooks.signature import Tolerance

    secrets = require_secrets(context, secret_env)
    diagnosis = diagnose(
        read_file(file, context.stdin_bytes), signature, secrets.values, names=secrets.names,
        timestamp=timestamp, tolerance=Tolerance(tolerance), now=context.clock.now().timestamp(),
    )  # fmt: skip
    findings, reason = list(diagnosis.findings), diagnosis.result.reason
    if reason is not None:
        if context.options.output == "table":
            context.info("\n".join(findings))
        raise InvalidSignatureError(
            str(reason), details={"reason": str(reason), "findings": findings}
        )
    if context.options.output == "table":
        context.output.print_line("verified: " + "; ".join(findings))
    else:
        context.output.print_data({"verified": True, "findings": findings})
