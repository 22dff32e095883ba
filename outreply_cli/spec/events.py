"""Event names and patterns such as `post.*` (reference: Events)."""

import fnmatch
from collections.abc import Sequence

from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.limits import EVENTS


def check_event(name: str, option: str) -> None:
    """Raise InvalidInputError if the value `name` of `option` is not an event."""
    if name not in EVENTS:
        raise _unknown_error(name, option)


def check_pattern(pattern: str, option: str) -> None:
    """Raise InvalidInputError if the value `pattern` of `option` matches no event."""
    if not any(matches(name, [pattern]) for name in EVENTS):
        raise _unknown_error(pattern, option)


def parse_patterns(text: str, option: str) -> list[str]:
    """Return the patterns in `A,B`; raises InvalidInputError if one matches no event."""
    patterns = [pattern.strip() for pattern in text.split(",")]
    for pattern in patterns:
        check_pattern(pattern, option)
    return patterns


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether an event matches one of the patterns; without patterns, any event does."""
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _unknown_error(name: str, option: str) -> InvalidInputError:
    import difflib

    close = difflib.get_close_matches(name, EVENTS, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"Use one of: {', '.join(EVENTS)}"
    return InvalidInputError(f"{option}: unknown event {name!r}", hint=hint)
