"""Owner of a token."""

from typing import Any

from outreply_cli.api.client import Client


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
