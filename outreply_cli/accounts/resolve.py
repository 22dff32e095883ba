"""Which account a command acts for: flag, environment, config file, default, in that order."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from outreply_cli.accounts.credentials import Credential, Credentials, SecretStore
from outreply_cli.accounts.profiles import CONFIG_FILE, Profile, Profiles
from outreply_cli.env import TOKEN_VARIABLES
from outreply_cli.errors import InvalidInputError, NotLoggedInError, StorageError


@dataclass(frozen=True)
class Account:
    """Who a command acts as.

    Attributes:
        profile: The stored account, or None when the environment says all of it.
        credential: Its token, and where that came from.
        base_url: Where its API lives; None for the default.
    """

    profile: Profile | None
    credential: Credential
    base_url: str | None


def resolve_profile(
    profiles: Profiles, flag: str | None, environ: Mapping[str, str]
) -> Profile | None:
    """The profile that a flag, `OUTREPLY_PROFILE` or the config file chooses, if it is stored.

    Raises:
        InvalidInputError: A flag or variable names one that is not stored.
    """
    if flag:
        return profiles.named(flag)
    variable = environ.get("OUTREPLY_PROFILE")
    if variable:
        try:
            return profiles.named(variable)
        except InvalidInputError as problem:
            raise InvalidInputError(
                f"OUTREPLY_PROFILE: {problem.message}", hint=problem.hint
            ) from None
    return profiles.stored.get(profiles.current)


def resolve_base_url(
    profile: Profile | None, flag: str | None, environ: Mapping[str, str]
) -> str | None:
    """Where the API lives, by profile and environment; None for the default."""
    of_profile = profile.base_url if profile else None
    of_environment = environ.get("OUTREPLY_BASE_URL") or None
    return (of_profile or of_environment) if flag else (of_environment or of_profile)


def is_logged_in(config_dir: Path, environ: Mapping[str, str]) -> bool:
    """Whether a token is likely to be found; no keyring is asked."""
    if any(map(environ.get, TOKEN_VARIABLES)):
        return True
    try:
        stored = Profiles.load(config_dir / CONFIG_FILE).stored
    except StorageError:
        # What is wrong with the file is told by the command that needs it.
        return True
    return any(profile.storage for profile in stored.values())


def resolve_account(
    config_dir: Path,
    environ: Mapping[str, str],
    flag: str | None,
    keyring: SecretStore | None = None,
) -> Account:
    """The account that a command acts for; `keyring` is the machine's unless it is given.

    `--profile` is a flag, so it beats a token in the environment: a command that names one account
    never acts for another.

    Raises:
        InvalidInputError: The profile that is named is not stored.
        NotSignedInError: There is no token.
        StorageError: The config file or the token's store can't be read.
    """
    profile = resolve_profile(Profiles.load(config_dir / CONFIG_FILE), flag, environ)
    credentials = Credentials(environ, config_dir, keyring)
    credential = credentials.from_environment() if flag is None else None
    if credential is None and profile is not None:
        credential = credentials.stored(profile)
    if credential is None:
        named = f" for the profile {profile.name!r}" if profile else ""
        option = f" --profile {profile.name}" if profile else ""
        raise NotLoggedInError(
            f"there is no token{named}",
            hint=f"Sign in with: outreply auth login{option}, or set OUTREPLY_API_KEY. "
            "To try it without an account: outreply demo",
        )
    return Account(profile, credential, resolve_base_url(profile, flag, environ))
