"""The account key that the journal files entries under."""

import hashlib
from collections.abc import Mapping
from typing import Any

from outreply_cli.api.client import Client


def account_fingerprint(client: Client, account: Mapping[str, Any] | None = None) -> str:
    """What the journal calls the account of `client`: it holds no address and no id of a person.

    Whose it is costs one read, unless `account` (`GET /account`) told it already.
    """
    user_id = ((account or {}).get("user") or {}).get("id")
    if user_id is None:
        user_id = (client.me().get("authenticated_as") or {}).get("user_id")
    named = f"{client.transport.base_url}\n{user_id}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]
