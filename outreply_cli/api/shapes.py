"""What the API's objects are sure to have: whoever is handed one need not ask again."""

from collections.abc import Mapping
from typing import Any, TypeGuard

_KEY = {"api_key": dict, "api_key.scopes": list, "api_key.expires_at": str}
# By dotted path, what stands there; nothing and null may stand anywhere (reference: GET /account).
ME: Mapping[str, type] = {"authenticated_as": dict, **_KEY}
ACCOUNT: Mapping[str, type] = {
    "user": dict,
    **_KEY,
    "quota": dict,
    "quota.storage": dict,
    "quota.rate_limit": dict,
    "quota.publish_guardrails": dict,
    "quota.monthly": dict,
    "quota.monthly.publishes": dict,
}
# What names the objects of a list, where that is not `id`.
_IDENTITIES = {"media": "media_id", "errors": "code"}


def misshapen_part(body: Mapping[str, Any], parts: Mapping[str, type]) -> str | None:
    """The first of `parts` that `body` has and that is something else, or None."""
    for path, kind in parts.items():
        found: Any = body
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        if found is not None and not isinstance(found, kind):
            return path
    return None


def identity_of(listing: str) -> str:
    """The field that names the objects of the list that the API calls `listing`."""
    return _IDENTITIES.get(listing, "id")


def is_identity(value: Any) -> TypeGuard[str | int]:
    """Whether `value` can name an object."""
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
