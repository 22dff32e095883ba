"""Checks of the fields that code relies on in the API's objects."""

from collections.abc import Mapping
from typing import Any, TypeGuard

from outreply_cli.api.types import Account, Brand, ErrorEntry, Media, TokenInfo

_KEY = {"api_key": dict, "api_key.scopes": list, "api_key.expires_at": str}
# Types by dotted path; any field may be absent or null (reference: GET /account).
_FIELD_TYPES: Mapping[type, Mapping[str, type]] = {
    TokenInfo: {"authenticated_as": dict, **_KEY},
    Account: {
        "user": dict,
        **_KEY,
        "quota": dict,
        "quota.storage": dict,
        "quota.rate_limit": dict,
        "quota.publish_guardrails": dict,
        "quota.monthly": dict,
        "quota.monthly.publishes": dict,
    },
    Brand: {"pages": list},
}
# Types with another ID field than `id`.
_ID_FIELDS: Mapping[type, str] = {Media: "media_id", ErrorEntry: "code"}


def find_invalid_field(body: Mapping[str, Any], kind: type) -> str | None:
    """Return the path of the first field of `body` with an invalid value for `kind`, or None."""
    for path, expected in _FIELD_TYPES.get(kind, {}).items():
        value: Any = body
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        is_valid = value is None or isinstance(value, expected)
        if path == "pages" and isinstance(value, list):
            is_valid = all(isinstance(page, dict) for page in value)
        if not is_valid:
            return path
    return None


def id_field(kind: type) -> str:
    """The field that identifies objects of this type."""
    return _ID_FIELDS.get(kind, "id")


def is_id(value: Any) -> TypeGuard[str | int]:
    """Whether `value` can identify an object."""
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
