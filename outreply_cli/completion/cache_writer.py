"""What a run of a command saw of an account, put where a shell can offer it."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from outreply_cli.completion.cache import FRESH_SECONDS, CompletionCache, Known
from outreply_cli.pages import page_alias
from outreply_cli.storage.private_files import write_private

_MOST = 200
_TEXT_CHARACTERS = 60
_PUNCTUATION = frozenset("._:@+-")


class CacheUpdate:
    """What one run saw of an account, until it is kept.

    Args:
        path: The file that keeps it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._found = path, _state_of(path)
        self._seen: dict[str, dict[str, Known]] = {}
        self._whole: set[str] = set()
        self._gone: dict[str, set[str]] = {}

    def on_list(self, listing: str, items: Iterable[Mapping[str, Any]], *, is_whole: bool) -> None:
        """Take objects of the API.

        Args:
            listing: What the API calls the list they are in.
            items: The objects.
            is_whole: Whether there are no others.
        """
        kind, describe = _DESCRIBED.get(listing, (None, None))
        if kind is None or describe is None:
            return
        if is_whole:
            self._whole.add(kind)
            self._seen[kind] = {}
        seen = self._seen.setdefault(kind, {})
        for item in items:
            known = describe(item)
            if is_plain(known[0]):
                seen[known[2]] = known

    def on_delete(self, listing: str, identity: str) -> None:
        """Take that an object is there no longer."""
        kind = _DESCRIBED[listing][0]
        self._gone.setdefault(kind, set()).add(identity)
        self._seen.get(kind, {}).pop(identity, None)

    def save(self, now: float, *, may_refresh: bool) -> None:
        """Add it to the file; raises StorageError."""
        if not self._seen and not self._gone:
            return
        # What another run has kept meanwhile may be newer than a list that was read before.
        is_latest = _state_of(self._path) == self._found
        shelves = dict(CompletionCache.load(self._path).entries)
        for kind in {*self._seen, *self._gone}:
            is_whole = kind in self._whole
            then, old = shelves.get(kind, (now - FRESH_SECONDS, ()))
            kept = {} if is_whole and is_latest else {one[2]: one for one in old}
            seen = {} if is_whole and not is_latest else self._seen.get(kind, {})
            merged = {**kept, **seen}
            values = [one for one in merged.values() if one[2] not in self._gone.get(kind, ())]
            # A part that was seen makes the rest no fresher: it is to be read anew.
            at = now if is_whole and is_latest else then
            shelves[kind] = (at, values[-_MOST:])
        _write(self._path, CompletionCache(shelves, may_refresh=may_refresh))


def _state_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # Each write makes a new file.
    return found.st_ino, found.st_mtime_ns


def begin_account(path: Path, *, may_refresh: bool) -> None:
    """Forget what was known of an account, and begin anew; raises StorageError."""
    _write(path, CompletionCache({}, may_refresh=may_refresh))


def is_plain(value: str) -> bool:
    """Whether `value` means itself on every shell's command line.

    Names come from strangers: what a shell would expand or run is never offered.
    """
    return (
        0 < len(value) <= 200
        and value.isascii()
        and value[0].isalnum()
        and all(character.isalnum() or character in _PUNCTUATION for character in value)
    )


def _write(path: Path, known: CompletionCache) -> None:
    document = {
        "may_refresh": known.allow_refresh,
        "kinds": {
            kind: {"at": at, "values": values} for kind, (at, values) in known.entries.items()
        },
    }
    write_private(path, json.dumps(document), is_durable=False)


def _line(*parts: Any) -> str:
    text = " ".join(str(part) for part in parts if part)
    shown = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(shown.split())
    return line if len(line) <= _TEXT_CHARACTERS else line[: _TEXT_CHARACTERS - 1] + "…"


def _page(page: Mapping[str, Any]) -> Known:
    identity = str(page.get("id"))
    alias = page_alias(page)
    state = "(EXPIRED)" if page.get("expired") else ""
    return (alias if is_plain(alias) else identity, _line(page.get("name"), state), identity)


def _post(post: Mapping[str, Any]) -> Known:
    identity = str(post.get("id") or post.get("post_id"))
    moment = str(post.get("scheduled_at") or post.get("published_at") or "")
    when = moment[:16].replace("T", " ") + ("Z" if moment.endswith("Z") else "")
    return (identity, _line(when, post.get("platform"), post.get("message")), identity)


def _media(item: Mapping[str, Any]) -> Known:
    identity = str(item.get("media_id"))
    return (identity, _line(item.get("filename"), item.get("mime_type")), identity)


def _webhook(hook: Mapping[str, Any]) -> Known:
    identity = str(hook.get("id"))
    # A query may carry somebody's secret.
    return (identity, _line(str(hook.get("url") or "").partition("?")[0]), identity)


def _brand(brand: Mapping[str, Any]) -> Known:
    identity = str(brand.get("id"))
    return (identity, _line(brand.get("name")), identity)


def _comment(comment: Mapping[str, Any]) -> Known:
    identity = str(comment.get("id"))
    author = comment.get("author")
    who = author.get("username") or author.get("name") if isinstance(author, dict) else ""
    return (identity, _line(f"@{who}:" if who else "", comment.get("message")), identity)


# What the API calls a list -> the kind that shells ask for, and how one of it is described.
_DESCRIBED = {
    "pages": ("page", _page),
    "scheduled_posts": ("scheduled", _post),
    "published_posts": ("published", _post),
    "media": ("media", _media),
    "webhooks": ("webhook", _webhook),
    "brands": ("brand", _brand),
    "comments": ("comment", _comment),
}
