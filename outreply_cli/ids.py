"""IDs that a user may shorten to a unique prefix."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import shorten

if TYPE_CHECKING:
    from outreply_cli.api.client import ListResult

MIN_CHARACTERS = 6
_API_ID = r"(?:[a-z]+_)?[0-9a-f]{24,}"
# Full IDs of the API or a platform: they are not expanded, so no list is requested.
_WHOLE = re.compile(rf"{_API_ID}|[0-9]{{15,}}|.{{30,}}")
_MAX_CANDIDATES = 10
_NAME_FIELDS = ("name", "url", "filename", "message")
_MAX_NAME_CHARACTERS = 30


class AmbiguousIdError(InvalidInputError):
    """Several IDs start with the word that was given, or unlisted ones may."""

    code = "AMBIGUOUS_ID"


def is_api_id(word: str) -> bool:
    """Return whether `word` has the form of a full ID of the API."""
    return re.fullmatch(_API_ID, word) is not None


def expand_ids(
    words: Iterable[str],
    kind: str,
    list_items: "Callable[[], ListResult[Any]]",
    *,
    id_field: str = "id",
) -> list[str]:
    """Return the IDs that start with `words`, each once; the list is read only if one is short.

    A word that is not a prefix of a listed ID is returned unchanged; the API reports an error if it
    is unknown.

    Args:
        words: IDs as the user wrote them.
        kind: Name of the objects in messages, such as `post`.
        list_items: Lists the objects; if the token may not, the words are returned unchanged.
        id_field: Field of the objects that has the ID.

    Raises:
        AmbiguousIdError: Several listed IDs start with a word, or the list is incomplete.
        OutReplyError: The objects cannot be listed.
    """
    unique = list(dict.fromkeys(words))
    if not any(map(_may_be_short, unique)):
        return unique
    from outreply_cli.api.errors import PermissionDeniedError

    try:
        listing = list_items()
    except PermissionDeniedError:
        return unique
    names: dict[str, str] = {}
    for item in listing.items:
        names.setdefault(str(item.get(id_field)), _name(item))
    expanded = [
        expand_id(word, names, kind, is_list_complete=not listing.truncated) for word in unique
    ]
    return list(dict.fromkeys(expanded))


def expand_id(
    word: str, names: Mapping[str, str], kind: str, *, is_list_complete: bool = True
) -> str:
    """Return the ID among `names` that starts with `word`, or `word` if there is none.

    Raises:
        AmbiguousIdError: Several IDs begin with `word`, or unlisted ones may.
    """
    if word in names or not _may_be_short(word):
        return word
    # A reply's ID may begin with that of its comment and a separator: then `word` is a full ID.
    found = [
        item_id for item_id in names if item_id.startswith(word) and item_id[len(word)] not in "._"
    ]
    if not found:
        return word
    if len(found) > 1:
        shown = [f"{item_id} {names[item_id]}".strip() for item_id in found[:_MAX_CANDIDATES]]
        more = len(found) - len(shown)
        shown += [f"and {more} more"] if more else []
        raise AmbiguousIdError(
            f"{len(found)} {kind} IDs start with {word}: {', '.join(shown)}",
            hint="Use more characters of the ID.",
            details={"candidates": found},
        )
    if not is_list_complete:
        plural = kind if kind == "media" else f"{kind}s"
        raise AmbiguousIdError(
            f"{word} matches {found[0]}, but may also match {plural} that the API does not list",
            hint="Use the full ID.",
            details={"candidates": found},
        )
    return found[0]


def _may_be_short(word: str) -> bool:
    return len(word) >= MIN_CHARACTERS and not _WHOLE.fullmatch(word)


def _name(item: Mapping[str, Any]) -> str:
    text = next((str(item[name]) for name in _NAME_FIELDS if item.get(name)), "")
    return f"({shorten(text, _MAX_NAME_CHARACTERS)})" if text.strip() else ""
