"""Checks of the fields that code relies on in the API's objects."""

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from outreply_cli.api.types import Account, Brand, ErrorEntry, Media, TokenInfo

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
# Validators by dotted path; any field may be absent or null (reference: GET /account).
_VALIDATORS: Mapping[type, Mapping[str, Validator]] = {
    TokenInfo: {"authenticated_as": _is_object, **_KEY},
    Account: {
        "user": _is_object,
        **_KEY,
        "quota": _is_object,
        "quota.storage": _is_object,
        "quota.rate_limit": _is_object,
        "quota.publish_guardrails": _is_object,
        "quota.monthly": _is_object,
        "quota.monthly.publishes": _is_object,
    },
    Brand: {"pages": _are_objects},
}
# Types with another ID field than `id`.
_ID_FIELDS: Mapping[type, str] = {Media: "media_id", ErrorEntry: "code"}


def find_invalid_field(body: Mapping[str, Any], kind: type) -> str | None:
    """Return the path of the first field of `body` with an invalid value for `kind`, or None."""
    for path, is_valid in _VALIDATORS.get(kind, {}).items():
        value: Any = body
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and not is_valid(value):
            return path
    return None


def id_field(kind: type) -> str:
    """The field that identifies objects of this type."""
    return _ID_FIELDS.get(kind, "id")


def is_id(value: Any) -> TypeGuard[str | int]:
    """Whether `value` can identify an object."""
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
