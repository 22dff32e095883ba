"""What the API's objects are sure to have: whoever is handed one need not ask again."""

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

Validator = Callable[[Any], bool]


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


_KEY = {"api_key": _is_object, "api_key.scopes": _is_list, "api_key.expires_at": _is_text}
# By dotted path, what stands there; nothing and null may stand anywhere (reference: GET /account).
ME: Mapping[str, Validator] = {"authenticated_as": _is_object, **_KEY}
ACCOUNT: Mapping[str, Validator] = {
    "user": _is_object,
    **_KEY,
    "quota": _is_object,
    "quota.storage": _is_object,
    "quota.rate_limit": _is_object,
    "quota.publish_guardrails": _is_object,
    "quota.monthly": _is_object,
    "quota.monthly.publishes": _is_object,
}
# The same for the objects of a list, and for one of them alone.
PARTS_OF: Mapping[str, Mapping[str, Validator]] = {
    "brands": {"pages": _are_objects},
    "brand": {"pages": _are_objects},
}
# What names the objects of a list, where that is not `id`.
_IDENTITIES = {"media": "media_id", "errors": "code"}


def find_invalid_field(body: Mapping[str, Any], parts: Mapping[str, Validator]) -> str | None:
    """The first of `parts` that `body` has and that is something else, or None."""
    for path, is_kind in parts.items():
        found: Any = body
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        if found is not None and not is_kind(found):
            return path
    return None


def id_field(listing: str) -> str:
    """The field that names the objects of the list that the API calls `listing`."""
    return _IDENTITIES.get(listing, "id")


def is_id(value: Any) -> TypeGuard[str | int]:
    """Whether `value` can name an object."""
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
