"""`outreply emulator edit-token`."""

from typing import Annotated

from outreply_cli.cli.options import command, switch
from outreply_cli.commands.emulator.shared import (
    AllowIpOption,
    BrandsOption,
    ExpiresInOption,
    ScopesOption,
    StateOption,
    TokenArgument,
    running_emulator,
    token_columns,
    token_settings,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(api=False)
def run(
    context: Context,
    token: TokenArgument,
    *,
    scopes: ScopesOption = None,
    expires_in: ExpiresInOption = None,
    expire: Annotated[bool, switch("Expire the token now.")] = False,
    brands: BrandsOption = None,
    allow_ip: AllowIpOption = None,
    state: StateOption = None,
) -> None:
    """Change a token while the emulator runs.

    Requests that the token no longer allows fail as in production: 401 TOKEN_EXPIRED, 403
    MISSING_SCOPE, 403 IP_NOT_ALLOWED or 403 BRAND_NOT_AUTHORIZED.

    Example: outreply emulator edit-token emulator --expires-in 30m

    Example: outreply emulator edit-token emulator --allow-ip 10.0.0.0/8,::1
    """
    if expire and expires_in is not None:
        raise InvalidInputError("--expire cannot be combined with --expires-in")
    settings = token_settings(scopes, expires_in, brands, allow_ip)
    if expire:
        settings["expires_in"] = 0
    changed = running_emulator(context, state).request("edit-token", token=token, **settings)
    context.output.print_one(changed, token_columns(context))
