"""`outreply auth logout`."""

from dataclasses import replace

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.env import select_token_variable


@command()
def run(context: Context) -> None:
    """Sign out of an account. The token is not revoked.

    Example: outreply auth logout

    Example: outreply auth logout --profile agency
    """
    from outreply_cli.accounts.credentials import Credentials
    from outreply_cli.accounts.profiles import Profiles, UnknownProfileError

    profiles = context.profiles
    if not profiles.stored:
        raise UnknownProfileError("no account is stored on this machine")
    profile = profiles.get(context.profile_name)
    Credentials(context.environ, context.config_dir, context.keyring()).delete(profile)
    with Profiles.edit(context.config_file) as profiles:
        profiles.stored[profile.name] = replace(profile, storage=None)
    context.completion_cache_path(profile.name).unlink(missing_ok=True)
    context.report(
        {"profile": profile.name, "signed_out": True},
        f"Signed out of {profile.name!r}. If the token leaked, revoke it in the dashboard.",
    )
    if variable := select_token_variable(None, context.environ):
        context.warn(f"{variable} is set, and commands still use its token; unset it to stop that")
