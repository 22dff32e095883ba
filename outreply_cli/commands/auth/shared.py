"""Helpers shared by the commands of `outreply auth`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outreply_cli.context import Context
from outreply_cli.ui.columns import Column

if TYPE_CHECKING:
    from outreply_cli.spec.token import Token


def report(context: Context, item: Mapping[str, Any], message: str) -> None:
    """Print `message` to stderr, or `item` in formats for programs."""
    if context.options.output == "table":
        context.info(message)
    else:
        columns = [Column(field, field) for field in item]
        context.output.print_one(item, columns, id_field="profile")


def note_sandbox(context: Context, token: "Token") -> None:
    """Warn about the limits of a sandbox token."""
    if token.is_sandbox:
        context.info("This is a sandbox token: read-only, 100 requests in total.")
