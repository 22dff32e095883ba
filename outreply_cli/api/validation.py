"""Normalization of the API's objects, and checks of the fields that code relies on."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeGuard, get_args, get_origin, get_type_hints, is_typeddict

from outreply_cli.api.types import (
    Account,
    Brand,
    Comment,
    ErrorEntry,
    Media,
    Page,
    Post,
    TokenInfo,
    Webhook,
)
from outreply_cli.spec.text import is_unicode

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
# Other names that servers use for the ID.
_ID_ALIASES: Mapping[type, str] = {
    Media: "id", Brand: "brand_id", Comment: "comment_id", Page: "page_id", Post: "post_id",
    Webhook: "webhook_id",
}  # fmt: skip


def normalize(body: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Return `body` with the ID field of `kind`, and all IDs and texts in it as strings."""
    ids: dict[str, Any] = _stringify_ids(dict(body))
    result: dict[str, Any] = _stringify_texts(ids, kind)
    name, alias = id_field(kind), _ID_ALIASES.get(kind)
    if name in ids:
        # Keep an invalid ID as received, so that validation rejects it.
        result[name] = ids[name]
    if alias is not None and result.get(name) is None and is_id(result.get(alias)):
        result[name] = result[alias]
    return result


def _stringify_ids(value: Any, *, is_identifier: bool = False) -> Any:
    if isinstance(value, dict):
        return {
            key: _stringify_ids(item, is_identifier=key == "id" or key.endswith(("_id", "_ids")))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_stringify_ids(item, is_identifier=is_identifier) for item in value]
    return str(value) if is_identifier and isinstance(value, int) and is_id(value) else value


def _stringify_texts(value: Any, kind: Any) -> Any:
    """Return `value`; in text fields of `kind`, other JSON values become JSON text."""
    if is_typeddict(kind) and isinstance(value, dict):
        fields = _fields(kind)
        return {name: _stringify_texts(item, fields.get(name)) for name, item in value.items()}
    if get_origin(kind) is list and isinstance(value, list):
        return [_stringify_texts(item, *get_args(kind)) for item in value]
    if kind in {str, str | None} and isinstance(value, (dict, list, bool)):
        return json.dumps(value, ensure_ascii=False)
    return value


@cache
def _fields(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


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
    if isinstance(value, str):
        return value != "" and is_unicode(value)
    return isinstance(value, int) and not isinstance(value, bool)
