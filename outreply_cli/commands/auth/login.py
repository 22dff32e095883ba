"""`outreply auth login`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from outreply_cli.api.base_url import DEFAULT_BASE_URL
from outreply_cli.cli.options import Yes, command, option, switch
from outreply_cli.commands.auth.shared import note_sandbox, warn_about_variable
from outreply_cli.context import Context
from outreply_cli.env import select_profile
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.scopes import COMMAND_SCOPES, get_allowed_commands, missing_scopes

if TYPE_CHECKING:
    from outreply_cli.accounts.profiles import Profile, Storage
    from outreply_cli.spec.token import Token


@command()
def run(
    context: Context,
    with_token: Annotated[bool, switch("Read the token from stdin.")] = False,
    base_url: Annotated[
        str | None, option("URL", f"Base URL of the API (default: {DEFAULT_BASE_URL}).")
    ] = None,
    profile: Annotated[
        str | None,
        option(
            "NAME",
            "Store the account as this profile (default: the current one).",
            "--profile",
            "-p",
        ),
    ] = None,
    insecure_storage: Annotated[
        bool, switch("Store the token in a file only you can read, not in the keyring.")
    ] = False,
    tz: Annotated[
        str | None, option("ZONE", "Set the profile's time zone, such as Europe/Paris.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Sign in to an account.

    The token is read from a hidden prompt, or from stdin with --with-token, and verified with the
    API before it is stored. Signing in again keeps the other settings of the profile.

    Example: outreply auth login --with-token < token.txt

    Example: outreply auth login --with-token --profile agency --tz Europe/Paris < token.txt
    """
    from outreply_cli.accounts.profiles import Profile, check_profile_name
    from outreply_cli.accounts.resolve import resolve_base_url
    from outreply_cli.completion.cache_writer import reset_cache
    from outreply_cli.spec.token import Token
    from outreply_cli.times import format_api_time, parse_zone

    if not with_token and not context.is_interactive:
        raise InvalidInputError(
            "a token is required when not running interactively",
            hint="Add --with-token, and pass the token on stdin, for example: --with-token < FILE",
        )
    token = Token(context.read_line() if with_token else context.prompt_secret("API token: "))
    profiles = context.profiles
    name = check_profile_name(select_profile(profile, context.environ) or profiles.current)
    known = profiles.stored.get(name, Profile(name))
    zone = parse_zone(tz).key if tz else known.timezone
    if base_url is None:
        base_url = resolve_base_url(known, profile, context.environ)
    context.confirm_unrecognized_token(token, base_url, accepted=yes)
    me = context.client_for(token, base_url, sign_in_hint="run the command again").me()
    settings = replace(known, base_url=base_url, timezone=zone)
    location = _store_token(context, token, settings, in_file=insecure_storage)
    reset_cache(context.completion_cache_path(name), allow_refresh=not token.is_sandbox)
    email, key = (me.get("authenticated_as") or {}).get("email"), me.get("api_key") or {}
    scopes = [str(scope) for scope in key.get("scopes") or []]
    context.report(
        {
            "profile": name,
            "email": email,
            "key_name": key.get("name"),
            "scopes": scopes,
            "expires_at": key.get("expires_at"),
            "token_location": location,
        },
        f"Signed in as {email or 'a user without an email address'} with the token "
        f"{(key.get('name') or '(unnamed)')!r} (profile {name!r}, token in {location}).",
    )
    for line in describe_scopes(scopes):
        context.info(line)
    if expires_at := key.get("expires_at"):
        context.info(f"The token expires {format_api_time(expires_at, context.display_zone)}.")
    if zone and not tz:
        context.info(f"The profile keeps its time zone {zone}; --tz changes it.")
    note_sandbox(context, token)
    warn_about_variable(context, name)
    if context.profiles.current != name:
        context.info(f"To use this account by default, run: outreply auth switch {name}")


def _store_token(context: Context, token: "Token", profile: "Profile", *, in_file: bool) -> str:
    """Store a verified token and its profile, and return the location of the token.

    The profile becomes the current one if that is not stored. If the keyring is unavailable, the
    user is asked whether to use a file. A previous token in the keyring is replaced.

    Raises:
        KeyringError: The keyring is unavailable, and a file was declined.
    """
    from outreply_cli.accounts.credentials import Credentials
    from outreply_cli.accounts.keyring import KeyringError
    from outreply_cli.accounts.profiles import Profiles

    credentials = Credentials(context.environ, context.config_dir, context.keyring())
    storage: Storage = "file" if in_file else "keyring"
    try:
        location = credentials.save(profile.name, token, storage)
    except KeyringError as error:
        question = f"Note: {error.message}. Store the token in a file only you can read?"
        if not context.is_interactive or not context.prompt_yes_no(question):
            raise
        storage = "file"
        location = credentials.save(profile.name, token, storage)
    if storage == "file" and profile.storage == "keyring":
        try:
            credentials.delete_from_keyring(profile.name)
        except KeyringError as error:
            # The file is read first, and logging out tries again.
            storage = "keyring"
            context.warn(f"the previous token was not deleted: {error.message}")
    with Profiles.edit(context.config_file) as profiles:
        if profiles.current not in profiles.stored:
            profiles.current = profile.name
        profiles.stored[profile.name] = replace(profile, storage=storage)
    return location


def describe_scopes(granted: Sequence[str]) -> list[str]:
    """Lines about what a token with these scopes can and cannot do."""
    missing = missing_scopes(granted)
    if not missing:
        return ["This token can run all commands."]
    lines = [f"This token can run: {_group(get_allowed_commands(granted))}."]
    lines += [
        f"Without {scope} it cannot run: {_group(commands)}."
        for scope, commands in missing.items()
        if commands
    ]
    return lines


def _group(commands: Sequence[str]) -> str:
    verbs_by_group: dict[str, list[str]] = {}
    for name in commands:
        group, _, verb = name.partition(" ")
        verbs_by_group.setdefault(group, []).append(verb)
    sizes = Counter(name.split()[0] for name in COMMAND_SCOPES)
    return "; ".join(
        group if len(verbs) == sizes[group] > 1 else f"{group} {', '.join(verbs)}".rstrip()
        for group, verbs in verbs_by_group.items()
    )
