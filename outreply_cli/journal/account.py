"""The key of an account in the journal."""

import hashlib
from collections.abc import Mapping
from typing import Any

from outreply_cli.api.client import Client


def account_fingerprint(client: Client, account: Mapping[str, Any] | None = None) -> str:
    """Return a digest of the API's address and the user ID of `client`.

    It costs one read, unless `account` (`GET /account`) is given.
    """
    user_id = ((account or {}).get("user") or {}).get("id")
    if user_id is None:
        user_id = (client.me().get("authenticated_as") or {}).get("user_id")
    return fingerprint(client.transport.base_url, user_id)


def fingerprint(base_url: str, user_id: object) -> str:
    """Return the digest of an API's address and a user ID."""
    key = f"{base_url}\n{user_id}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(key).hexdigest()[:16]
