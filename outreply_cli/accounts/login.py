"""Signing in: a token is checked with the API, then stored where it is safe."""

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
    """Who signed in, where the token is now, and what it may do."""

    profile: str
    email: str
    key_name: str
    place: str
    scopes: tuple[str, ...]
    expires_at: str | None


def fetch_identity(client: Client) -> dict[str, Any]:
    """Who the client's token belongs to, and its tier where the token may read it (`GET /me`).

    Raises:
        AuthenticationError: The token does not work.
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
    may_use_file: Callable[[KeyringError], bool],
) -> LoginResult:
    """Check `token` with the API and store it for `profile`.

    Args:
        client: Speaks with `token` already.
        token: What is stored.
        profiles: The config file; `profile` becomes the current one when it is the first.
        credentials: Where tokens are kept.
        profile: Name, base URL and time zone to remember.
        insecure_storage: Whether a file of the owner's alone is wanted instead of the keyring.
        may_use_file: Asked when the keyring can't be used.

    Raises:
        AuthenticationError: The token does not work; nothing is stored.
        KeyringError: The keyring can't be used, and a file is not wanted.
    """
    check_profile_name(profile.name)
    me = client.me()
    storage: Storage = "file" if insecure_storage else "keyring"
    try:
        place = credentials.save(profile.name, token, storage)
    except KeyringError as problem:
        if not may_use_file(problem):
            raise
        storage = "file"
        place = credentials.save(profile.name, token, storage)
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
        place,
        tuple(map(str, key.get("scopes") or ())),
        key.get("expires_at"),
    )
