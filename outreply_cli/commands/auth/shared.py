"""Code that the commands of `outreply auth` share."""

from typing import TYPE_CHECKING

from outreply_cli.context import Context
from outreply_cli.env import PROFILE_VARIABLE, select_token_variable

if TYPE_CHECKING:
    from outreply_cli.spec.token import Token


def note_sandbox(context: Context, token: "Token") -> None:
    """Print a note about the limits of a sandbox token."""
    if token.is_sandbox:
        context.info("This is a sandbox token: read-only, 100 requests in total.")


def warn_about_variable(context: Context, profile: str) -> None:
    """Warn if a variable decides that commands without `--profile` do not use `profile`."""
    variable = select_token_variable(None, context.environ)
    if variable is None and context.environ.get(PROFILE_VARIABLE, profile) not in {"", profile}:
        variable = PROFILE_VARIABLE
    if variable is not None:
        context.warn(
            f"{variable} is set and is used instead of the profile {profile!r}; "
            f"use --profile {profile}, or unset it"
        )
