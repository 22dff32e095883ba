"""`outreply auth logout`."""

from dataclasses import replace

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command()
def run(context: Context) -> None:
    """Forget the token of an account, on this machine; the token itself stays valid.

    Example: outreply auth logout

    Example: outreply auth logout --profile agency
    """
    from outreply_cli.accounts.credentials import Credentials

    profiles = context.profiles
    profile = profiles.named(context.profile_name)
    Credentials(context.environ, context.config_dir).delete(profile)
    profiles.stored[profile.name] = replace(profile, storage=None)
    profiles.save()
    context.completion_cache_path(profile.name).unlink(missing_ok=True)
    context.info(f"Signed out of {profile.name!r}. Revoke the token in the dashboard if it leaked.")
