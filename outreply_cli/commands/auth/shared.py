"""Options and helpers that the commands of `outreply auth` share."""

from typing import TYPE_CHECKING

from outreply_cli.context import Context

if TYPE_CHECKING:
    from outreply_cli.spec.token import Token


def note_sandbox(context: Context, token: "Token") -> None:
    if token.is_sandbox:
        context.info("This is a sandbox token: it only reads, 100 requests in its whole life.")
