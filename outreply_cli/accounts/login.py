"""Login: a token is verified with the API, then stored."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from outreply_cli.accounts.credentials import Credentials
from outreply_cli.accounts.keyring import KeyringError
from outreply_cli.accounts.profiles import Profile, Profiles, Storage, check_profile_name
from outreply_cli.api.client import Client
from outreply_cli.spec.token import Token


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
    config_file: Path,
    credentials: Credentials,
    profile: Profile,
    insecure_storage: bool,
    confirm_file_storage: Callable[[KeyringError], bool],
    warn: Callable[[str], None],
) -> dict[str, Any]:
    """Verify the `token` of `client` with the API, store it for `profile`, and describe it.

    The profile becomes the current one of `config_file` if that is not stored. If the keyring is
    unavailable, `confirm_file_storage` decides whether to use a file, as with `insecure_storage`. A
    previous token in the keyring is replaced; `warn` gets the reason if it cannot be deleted.

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
    if storage == "file" and profile.storage == "keyring":
        try:
            credentials.delete_from_keyring(profile.name)
        except KeyringError as error:
            # The file is read first, and logging out tries again.
            storage = "keyring"
            warn(f"the previous token was not deleted: {error.message}")
    with Profiles.edit(config_file) as profiles:
        if profiles.current not in profiles.stored:
            profiles.current = profile.name
        profiles.stored[profile.name] = replace(profile, storage=storage)
    user, key = me.get("authenticated_as") or {}, me.get("api_key") or {}
    return {
        "profile": profile.name,
        "email": user.get("email"),
        "key_name": key.get("name"),
        "scopes": [str(scope) for scope in key.get("scopes") or []],
        "expires_at": key.get("expires_at"),
        "token_location": location,
    }
