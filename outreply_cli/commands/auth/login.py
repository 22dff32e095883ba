"""`outreply auth login`."""

from typing import TYPE_CHECKING, Annotated

import typer

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.auth.shared import note_sandbox
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError

if TYPE_CHECKING:
    from outreply_cli.accounts.login import LoginResult


@command()
def run(
    context: Context,
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Read the token from stdin.")
    ] = False,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the API lives, if elsewhere.")
    ] = None,
    insecure_storage: Annotated[
        bool,
        typer.Option(
            "--insecure-storage", help="Keep the token in a file only you can read, not a keyring."
        ),
    ] = False,
    tz: Annotated[
        str | None, typer.Option("--tz", metavar="ZONE", help="The account's time zone.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Sign in: the token is checked with the API before it is stored.

    Without --with-token it is asked for, and not shown.

    Example: outreply auth login --with-token < token.txt

    Example: outreply auth login --with-token --profile agency --tz Europe/Paris < token.txt
    """
    from outreply_cli.accounts.credentials import Credentials
    from outreply_cli.accounts.login import log_in
    from outreply_cli.accounts.profiles import Profile, check_profile_name
    from outreply_cli.completion.cache_writer import begin_account
    from outreply_cli.spec.token import Token
    from outreply_cli.times import parse_zone

    if not with_token and not context.is_interactive:
        raise InvalidInputError(
            "nobody can be asked for the token here",
            hint="Give it on stdin: outreply auth login --with-token < FILE",
        )
    token = Token(context.stdin.readline() if with_token else context.prompt_secret("API token: "))
    profiles = context.profiles
    variable = context.environ.get("OUTREPLY_PROFILE")
    name = check_profile_name(context.options.profile or variable or profiles.current)
    base_url = base_url or context.environ.get("OUTREPLY_BASE_URL") or None
    context.confirm_unrecognized_token(token, base_url, accepted=yes)
    profile = Profile(name, base_url, parse_zone(tz).key if tz else None)
    signed_in = log_in(
        context.client_for(token, base_url),
        token,
        profiles=profiles,
        credentials=Credentials(context.environ, context.config_dir),
        profile=profile,
        insecure_storage=insecure_storage,
        may_use_file=lambda problem: (
            context.is_interactive
            and context.prompt_yes_no(
                f"Note: {problem.message}. Keep it in a file only you can read?"
            )
        ),
    )
    begin_account(context.completion_cache_path(name), may_refresh=not token.is_sandbox)
    context.info(
        f"Signed in as {signed_in.email} with the key {signed_in.key_name!r} "
        f"(profile {signed_in.profile!r}, token in {signed_in.place})."
    )
    _note_powers(context, signed_in)
    note_sandbox(context, token)


def _note_powers(context: Context, signed_in: "LoginResult") -> None:
    from outreply_cli.commands.auth.output import describe_scopes
    from outreply_cli.times import format_api_time

    for line in describe_scopes(signed_in.scopes):
        context.info(line)
    if signed_in.expires_at:
        context.info(f"It expires on {format_api_time(signed_in.expires_at, context.zone())}.")
