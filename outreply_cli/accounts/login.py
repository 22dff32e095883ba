"""Login: a token is verified with the API, then stored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from outreply_cli.accounts.credentials import Credentials
from outreply_cli.accounts.keyring import KeyringError
from outreply_cli.accounts.profiles import Profile, Profiles, Storage, check_profile_name
from outreply_cli.api.client import Client
from outreply_cli.spec.token import Token


@dataclass(frozen=True)
class LoginResult:
    """A stored token.

    Attributes:
        location: Path of the token's file, or name of the keyring.
    """

    profile: str
    email: str
    key_name: str
    location: str
    scopes: tuple[str, ...]
    expires_at: str | None


def fetch_identity(client: Client) -> dict[str, Any]:
    """Return the user, key and tier of the client's token; the tier needs `read:account`.

    Raises:
        AuthenticationError: The token is not valid.
    """
    me = client.me()
    user, key = me.get("authenticated_as") or {}, me.get("api_key") or {}
    account = client.account_or_none() or {}
    names = (user.get("firstname"), user.get("lastname"))
    return {
        "user_id": user.get("user_id"),
        "email": user.get("email"),
        "name": " ".join(str(name) for name in names if name),
        "key_name": key.get("name"),
        "prefix": key.get("prefix"),
        "scopes": key.get("scopes") or [],
        "expires_at": key.get("expires_at"),
        "tier": account.get("tier"),
    }


def log_in(
    client: Client,
    token: Token,
    *,
    profiles: Profiles,
    credentials: Credentials,
    profile: Profile,
    insecure_storage: bool,
    confirm_file_storage: Callable[[KeyringError], bool],
) -> LoginResult:
    """Verify `token` with the API and store it for `profile`.

    Args:
        client: Client that uses the token.
        token: Token to store.
        profiles: Configuration file; its first profile becomes the current one.
        credentials: Stores the token.
        profile: Name, base URL and time zone to store.
        insecure_storage: Whether to use a private file instead of the keyring.
        confirm_file_storage: Called if the keyring is unavailable; whether to use a file.

    Raises:
        AuthenticationError: The token is not valid; nothing was stored.
        KeyringError: The keyring is unavailable, and a file was declined.
    """
    check_profile_name(profile.name)
    me = client.me()
    storage: Storage = "file" if insecure_storage else "keyring"
    try:
        location = credentials.save(profile.name, token, storage)
    except KeyringError as error:
        if not confirm_file_storage(error):
            raise
        storage = "file"
        location = credentials.save(profile.name, token, storage)
    if not profiles.stored:
        profiles.current = profile.name
    profiles.stored[profile.name] = Profile(
        profile.name, profile.base_url, profile.timezone, storage
    )
    profiles.save()
    user, key = me.get("authenticated_as") or {}, me.get("api_key") or {}
    return LoginResult(
        profile.name,
        str(user.get("email")),
        str(key.get("name")),
        location,
        tuple(map(str, key.get("scopes") or ())),
        key.get("expires_at"),
    )
