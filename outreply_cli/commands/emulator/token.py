"""`outreply emulator token`."""

from typing import Annotated

from outreply_cli.cli.options import command, option
from outreply_cli.commands.emulator.shared import (
    AllowIpOption,
    BrandsOption,
    ExpiresInOption,
    ScopesOption,
    StateOption,
    running_emulator,
    token_settings,
    update_profile,
)
from outreply_cli.context import Context
from outreply_cli.emulator.errors import EmulatorError


@command(api=False)
def run(
    context: Context,
    *,
    scopes: ScopesOption = None,
    expires_in: ExpiresInOption = None,
    brands: BrandsOption = None,
    allow_ip: AllowIpOption = None,
    collaborator: Annotated[
        str | None, option("ID", "Issue the token as this collaborator of one brand.")
    ] = None,
    name: Annotated[str | None, option("NAME", "Name of a new token.")] = None,
    state: StateOption = None,
) -> None:
    """Print an API token for the emulator.

    Prints the token of the profile. With --name, --scopes or another token option, creates a new
    one.

    Example: export OUTREPLY_API_KEY=$(outreply emulator token)

    Example: outreply emulator token --scopes read:posts,read:pages --expires-in 1h
    """
    handle = running_emulator(context, state)
    settings = token_settings(scopes, expires_in, brands, allow_ip)
    if not settings and collaborator is None and name is None:
        status = handle.request("status")
        secret = update_profile(context, handle, status)
        if secret is None:
            hint = "Run: outreply emulator token --name NAME"
            raise EmulatorError("the emulator has no active token", hint=hint)
        token = next(token for token in status["tokens"] if token["token"] == secret)
    else:
        token = handle.request("token", name=name, collaborator=collaborator, **settings)
        update_profile(context, handle, handle.request("status"))
    context.output.print_value(str(token["token"]), {**token, "base_url": handle.base_url})
