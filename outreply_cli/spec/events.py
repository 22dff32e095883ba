"""The names of events, alone and in patterns such as `post.*` (reference: Events)."""

import fnmatch
from collections.abc import Sequence

from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.limits import EVENTS


def check_event(name: str, place: str) -> None:
    """Raise InvalidInputError where `name`, given at `place`, is no event's."""
    if name not in EVENTS:
        raise InvalidInputError(f"{place}: there is no event {name!r}", hint=_hint_on(name))


def check_pattern(pattern: str, place: str) -> None:
    """Raise InvalidInputError where `pattern`, given at `place`, fits no event."""
    if not any(fits(name, [pattern]) for name in EVENTS):
        raise InvalidInputError(f"{place}: no event is called {pattern!r}", hint=_hint_on(pattern))


def read_patterns(text: str, place: str) -> list[str]:
    """The patterns in `A,B`, given at `place`; raises InvalidInputError where one fits no event."""
    patterns = [part.strip() for part in text.split(",")]
    for pattern in patterns:
        check_pattern(pattern, place)
    return patterns


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether an event's name fits one of the patterns; with none of them any name does."""
    return not patterns or any(fnmatch.fnmatchcase(name, each) for each in patterns)


def _hint_on(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, EVENTS, n=1)
    return f"Did you mean {near[0]}?" if near else f"Choose: {', '.join(EVENTS)}"
