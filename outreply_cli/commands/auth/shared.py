"""Code that the commands of `outreply auth` share."""

from typing import TYPE_CHECKING

from outreply_cli.context import Context

if TYPE_CHECKING:
    from outreply_cli.spec.token import Token


def note_sandbox(context: Context, token: "Token") -> None:
    """Warn about the limits of a sandbox token."""
    if token.is_sandbox:
        context.info("This is a sandbox token: read-only, 100 requests in total.")
