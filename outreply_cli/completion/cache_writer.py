"""Updates of the completion cache with what a command saw of an account."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from outreply_cli.completion.cache import FRESH_SECONDS, MAX_VALUES, CachedValue, CompletionCache
from outreply_cli.pages import page_alias
from outreply_cli.storage.private_files import write_private

_MAX_TEXT_LENGTH = 60
_PUNCTUATION = frozenset("._:@+-")


class CacheUpdate:
    """The values that a command saw, until they are saved.

    Args:
        path: The cache file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._initial_state = path, _file_state(path)
        self._seen: dict[str, dict[str, CachedValue]] = {}
        self._complete_kinds: set[str] = set()
        self._deleted: dict[str, set[str]] = {}

    def on_list(
        self, listing: str, items: Iterable[Mapping[str, Any]], *, is_complete: bool
    ) -> None:
        """Record objects that the API listed.

        Args:
            listing: API name of their list.
            items: The objects.
            is_complete: Whether the list has no other objects.
        """
        if listing not in _LISTINGS:
            return
        kind, id_field, describe = _LISTINGS[listing]
        if is_complete:
            self._complete_kinds.add(kind)
            self._seen[kind] = {}
        seen = self._seen.setdefault(kind, {})
        for item in items:
            item_id = str(item.get(id_field) or item.get("post_id"))
            value = page_alias(item) if kind == "page" else item_id
            value = value if is_plain(value) else item_id
            if is_plain(value):
                seen[item_id] = (value, describe(item), item_id)

    def on_delete(self, listing: str, item_id: str) -> None:
        """Record that an object was deleted."""
        kind = _LISTINGS[listing][0]
        self._deleted.setdefault(kind, set()).add(item_id)
        self._seen.get(kind, {}).pop(item_id, None)

    def save(self, now: float, *, allow_refresh: bool) -> None:
        """Merge the recorded values into the file; raises StorageError."""
        if not self._seen and not self._deleted:
            return
        # Another run may have saved newer values since this one read its lists.
        is_latest = _file_state(self._path) == self._initial_state
        entries = dict(CompletionCache.load(self._path).entries)
        for kind in {*self._seen, *self._deleted}:
            is_complete = kind in self._complete_kinds
            then, old = entries.get(kind, (now - FRESH_SECONDS, ()))
            kept = {} if is_complete and is_latest else {value[2]: value for value in old}
            seen = {} if is_complete and not is_latest else self._seen.get(kind, {})
            merged = {**kept, **seen}
            values = [
                value for value in merged.values() if value[2] not in self._deleted.get(kind, ())
            ]
            # An incomplete list keeps the age of the values.
            at = now if is_complete and is_latest else then
            entries[kind] = (at, values[-MAX_VALUES:])
        _write(self._path, CompletionCache(entries, allow_refresh=allow_refresh))


def _file_state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # Each save creates a new file.
    return found.st_ino, found.st_mtime_ns


def reset_cache(path: Path, *, allow_refresh: bool) -> None:
    """Empty the cache of an account; raises StorageError."""
    _write(path, CompletionCache({}, allow_refresh=allow_refresh))


def is_plain(value: str) -> bool:
    """Whether a value needs no quotes in any shell.

    Names are untrusted: a value that a shell would expand or run is never offered.
    """
    return (
        0 < len(value) <= 200
        and value.isascii()
        and value[0].isalnum()
        and all(character.isalnum() or character in _PUNCTUATION for character in value)
    )


def _write(path: Path, cache: CompletionCache) -> None:
    document = {
        "allow_refresh": cache.allow_refresh,
        "kinds": {
            kind: {"at": at, "values": values} for kind, (at, values) in cache.entries.items()
        },
    }
    write_private(path, json.dumps(document), is_durable=False)


def _line(*parts: Any) -> str:
    text = " ".join(str(part) for part in parts if part)
    shown = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(shown.split())
    return line if len(line) <= _MAX_TEXT_LENGTH else line[: _MAX_TEXT_LENGTH - 1] + "…"


def _page(page: Mapping[str, Any]) -> str:
    return _line(page.get("name"), "(expired)" if page.get("expired") else "")


def _post(post: Mapping[str, Any]) -> str:
    time = str(post.get("scheduled_at") or post.get("published_at") or "")
    when = time[:16].replace("T", " ") + ("Z" if time.endswith("Z") else "")
    return _line(when, post.get("platform"), post.get("message"))


def _webhook(hook: Mapping[str, Any]) -> str:
    # A query string may hold a secret.
    return _line(str(hook.get("url") or "").partition("?")[0])


def _comment(comment: Mapping[str, Any]) -> str:
    author = comment.get("author")
    author_name = author.get("username") or author.get("name") if isinstance(author, dict) else ""
    return _line(f"@{author_name}:" if author_name else "", comment.get("message"))


# The API's name for a list -> the kind of value, the ID field, and the function that describes an
# object.
_LISTINGS: dict[str, tuple[str, str, Callable[[Mapping[str, Any]], str]]] = {
    "pages": ("page", "id", _page),
    "scheduled_posts": ("scheduled", "id", _post),
    "published_posts": ("published", "id", _post),
    "media": ("media", "media_id", lambda item: _line(item.get("filename"), item.get("mime_type"))),
    "webhooks": ("webhook", "id", _webhook),
    "brands": ("brand", "id", lambda brand: _line(brand.get("name"))),
    "comments": ("comment", "id", _comment),
}
