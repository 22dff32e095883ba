"""The account a command acts for: option, environment, configuration file, default."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from outreply_cli.accounts.credentials import Credential, Credentials
from outreply_cli.accounts.keyring import KeyringStore
from outreply_cli.accounts.profiles import (
    CONFIG_FILE,
    DEFAULT_PROFILE,
    Profile,
    Profiles,
    UnknownProfileError,
)
from outreply_cli.env import (
    STORE_URL_VARIABLE,
    TOKEN_VARIABLES,
    select_profile,
    select_token_variable,
)
from outreply_cli.errors import NotSignedInError, StorageError


@dataclass(frozen=True, eq=False, repr=False)
class Account:
    """The account a command acts for.

    Attributes:
        profile: Stored profile; None if the environment has all settings.
        credential: Token and its origin.
        base_url: Base URL of the API; None for the default.
    """

    profile: Profile | None
    credential: Credential
    base_url: str | None

    def sign_in_hint(self, current: str = "") -> str:
        """The command that replaces the token in use, or the variable to set.

        `current` is the profile that `auth login` stores by default, if known.
        """
        if self.credential.source == "environment":
            return f"set {self.credential.location} to it"
        name = self.profile.name if self.profile else DEFAULT_PROFILE
        option = "" if name == current else f" --profile {name}"
        return f"run: outreply auth login{option}"


def resolve_profile(
    profiles: Profiles, option: str | None, environ: Mapping[str, str]
) -> Profile | None:
    """Return the profile of `--profile`, `OUTREPLY_PROFILE` or the configuration file, if stored.

    Raises:
        UnknownProfileError: The option or variable names an unknown profile.
    """
    name = select_profile(option, environ)
    if name is None:
        return profiles.stored.get(profiles.current)
    try:
        return profiles.get(name)
    except UnknownProfileError as error:
        source = "" if option else "OUTREPLY_PROFILE: "
        raise error.replace(message=f"{source}{error.message}") from None


def resolve_base_url(
    profile: Profile | None, option: str | None, environ: Mapping[str, str]
) -> str | None:
    """Return the base URL of the API; None for the default.

    The environment wins over the profile unless `--profile` names the profile.
    """
    from_profile = profile.base_url if profile else None
    return _choose(option, from_profile, environ.get("OUTREPLY_BASE_URL"))


def resolve_store_url(
    profile: Profile | None, option: str | None, environ: Mapping[str, str]
) -> str | None:
    """Return the URL of the team's store; None for the journal of this machine.

    The environment wins as for the base URL.
    """
    from_profile = profile.store_url if profile else None
    return _choose(option, from_profile, environ.get(STORE_URL_VARIABLE, "").strip())


def _choose(
    option: str | None, from_profile: str | None, from_environment: str | None
) -> str | None:
    chosen = (from_profile or from_environment) if option else (from_environment or from_profile)
    return chosen or None


def is_signed_in(config_dir: Path, environ: Mapping[str, str]) -> bool:
    """Whether a token probably exists; does not access the keyring."""
    if any(map(environ.get, TOKEN_VARIABLES)):
        return True
    try:
        profiles = Profiles.load(config_dir / CONFIG_FILE)
    except StorageError:
        # Reported by the command that needs the file.
        return True
    return any(profile.storage for profile in profiles.stored.values())


def resolve_account(
    config_dir: Path,
    environ: Mapping[str, str],
    option: str | None,
    keyring: KeyringStore | None = None,
) -> Account:
    """Return the account a command acts for; `option` is the value of `--profile`.

    An explicit `--profile` wins over a token in the environment.

    Raises:
        UnknownProfileError: The profile is unknown.
        NotSignedInError: No token was found.
        StorageError: The configuration file or the store of the token is unreadable.
    """
    profiles = Profiles.load(config_dir / CONFIG_FILE)
    profile = resolve_profile(profiles, option, environ)
    credentials = Credentials(environ, config_dir, keyring)
    credential = credentials.from_variable(select_token_variable(option, environ))
    if credential is None and profile is None and profiles.stored:
        name = profiles.name_for_hints
        names = f"; stored: {', '.join(sorted(profiles.stored))}" if name == "NAME" else ""
        raise NotSignedInError(
            f"you are not signed in with the profile {profiles.current!r}{names}",
            hint=f"Use --profile {name}, or run: outreply auth switch {name}",
        )
    if credential is None and profile is not None:
        credential = credentials.load(profile)
    if credential is None:
        of_profile = f" with the profile {profile.name!r}" if profile else ""
        argument = f" --profile {profile.name}" if profile else ""
        raise NotSignedInError(
            f"you are not signed in{of_profile}",
            hint=f"Run: outreply auth login{argument}, or set OUTREPLY_API_KEY. "
            "To try outreply without an account, run: outreply demo",
        )
    return Account(profile, credential, resolve_base_url(profile, option, environ))
