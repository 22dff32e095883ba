"""`outreply auth switch`."""

from typing import Annotated

from outreply_cli.accounts.profiles import Profiles
from outreply_cli.cli.options import argument, command
from outreply_cli.commands.auth.shared import warn_about_variable
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    name: Annotated[str, argument("NAME", "Profile to use by default.")],
) -> None:
    """Switch the account used by default.

    Example: outreply auth switch emulator

    Example: outreply auth switch $(outreply auth list -q | head -n 1)
    """
    with Profiles.edit(context.config_file) as profiles:
        profiles.current = profiles.get(name).name
    context.report({"profile": name}, f"Switched to the profile {name!r}.")
    warn_about_variable(context, name)
