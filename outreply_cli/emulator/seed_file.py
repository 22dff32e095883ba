"""Seed files: YAML that describes any account, read with the line of everything in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import yaml

from outreply_cli.emulator.auth import parse_network
from outreply_cli.emulator.errors import SeedError
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.spec.limits import (
    EVENTS,
    EVERY_SCOPE,
    SANDBOX_PREFIX,
    SCOPES,
    TIERS,
    TOKEN_PREFIXES,
    Tier,
)
from outreply_cli.spec.media_types import MEDIA_TYPES
from outreply_cli.spec.platforms import platform_named
from outreply_cli.times import parse_duration, parse_zone

_NODES_MAX = 200_000
_LIMITS = tuple(Tier.__dataclass_fields__)


@dataclass(frozen=True)
class Field:
    """One value of a seed file, and where it stands."""

    value: Any
    place: str
    name: str

    def wrong(self, reason: str) -> SeedError:
        """What is said when the value can't be meant."""
        return SeedError(f"{self.place}: {self.name}: {reason}")

    def fields(self, *known: str) -> "dict[str, Field]":
        """A mapping's fields; raises SeedError for any other value and for an unknown field."""
        if not isinstance(self.value, dict):
            raise self.wrong("must be a mapping of fields")
        for name, found in self.value.items():
            if name not in known:
                raise found.wrong(f"is no field here; there are: {', '.join(known)}")
        return self.value

    def items(self) -> "list[Field]":
        """A list's items; raises SeedError."""
        if not isinstance(self.value, list):
            raise self.wrong("must be a list")
        return self.value

    def text(self, *, longest: int = 5_000) -> str:
        """A text; raises SeedError."""
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            raise self.wrong("must be a text")
        text = str(self.value)
        if len(text) > longest:
            raise self.wrong(f"must be at most {longest} characters")
        return text

    def number(self) -> int:
        """A whole number from 0; raises SeedError."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
            raise self.wrong("must be a whole number from 0")
        return self.value

    def switch(self) -> bool:
        """True or false; raises SeedError."""
        if not isinstance(self.value, bool):
            raise self.wrong("must be true or false")
        return self.value

    def one_of(self, allowed: tuple[str, ...]) -> str:
        """One of the `allowed` texts; raises SeedError."""
        if self.value not in allowed:
            raise self.wrong(f"must be one of: {', '.join(allowed)}")
        return str(self.value)

    def texts(self, allowed: tuple[str, ...] | None = None, *, longest: int = 5_000) -> list[str]:
        """A list of texts; raises SeedError."""
        return [
            item.text(longest=longest) if allowed is None else item.one_of(allowed)
            for item in self.items()
        ]

    def moment(self, now: datetime) -> float:
        """A time as Unix seconds; raises SeedError.

        ISO 8601, in UTC where it names no zone; or counted from `now`, as in `+2h` and `-3d`.
        """
        value = self.value
        if isinstance(value, datetime | date):
            value = value.isoformat()
        if isinstance(value, str):
            try:
                if value[:1] in {"+", "-"}:
                    span = parse_duration(value[1:])
                    return (now + (span if value[0] == "+" else -span)).timestamp()
                moment = datetime.fromisoformat(value)
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            except (ValueError, OverflowError, InvalidInputError):
                pass
        raise self.wrong("must be a time: ISO 8601, or +2h, -3d from now")


def parse_seed(text: str, name: str) -> Field:
    """The document of a seed file called `name`.

    Raises:
        SeedError: It is not YAML, nests without end, or has a key twice.
    """
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise SeedError(f"{name}: the seed file is empty", hint=_HINT)
        return _read(loader, node, name, "seed", iter(range(_NODES_MAX)))
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark else name
        reason = getattr(problem, "problem", None) or "it is not YAML"
        raise SeedError(f"{place}: {reason}", hint=_HINT) from None
    except RecursionError:
        raise SeedError(f"{name}: it nests too deeply") from None
    finally:
        if loader is not None:
            loader.dispose()


_HINT = "See one with: outreply emulator seed --export"


def _read(loader: Any, node: Any, name: str, path: str, count: Iterator[int]) -> Field:
    place = f"{name}:{node.start_mark.line + 1}"
    # An alias that stands for an alias, and so on, would be more than memory holds.
    if next(count, None) is None:
        raise SeedError(f"{place}: the seed has more than {_NODES_MAX} values")
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Field] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in found:
                raise SeedError(f"{place}: {key} stands twice")
            found[key] = _read(loader, value_node, name, key, count)
        return Field(found, place, path)
    if isinstance(node, yaml.SequenceNode):
        items = [_read(loader, item, name, path, count) for item in node.value]
        return Field(items, place, path)
    try:
        return Field(loader.construct_object(node), place, path)
    # A value that is not of the kind that a tag claims fails as its reader happens to fail.
    except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError):
        raise SeedError(f"{place}: {path}: {node.value!r} is no value") from None


def check_zone(field: Field) -> str:
    """A time zone's name; raises SeedError."""
    text = field.text()
    try:
        parse_zone(text)
    except TimeError:
        raise field.wrong(f"there is no time zone {text!r}") from None
    return text


def check_platform(field: Field) -> str:
    """A platform's long name; raises SeedError."""
    known = platform_named(field.text())
    if known is None:
        raise field.wrong(f"there is no platform {field.text()!r}")
    return known.name


def check_limits(field: Field) -> str:
    """Limits of an account that differ from its tier's, as JSON; raises SeedError."""
    return json.dumps({key: it.number() for key, it in field.fields(*_LIMITS).items()})


def check_scopes(field: Field) -> list[str]:
    """Scopes of a token; raises SeedError."""
    return field.texts((*SCOPES, EVERY_SCOPE))


def check_token(field: Field, *, sandbox: bool) -> str:
    """A token's text: of a kind that the API knows, and of the one it is said to be."""
    text = field.text(longest=200)
    if not (text.isascii() and text.isprintable()):
        raise field.wrong("must be printable ASCII")
    if not text.startswith(TOKEN_PREFIXES):
        raise field.wrong(f"must begin with one of: {', '.join(TOKEN_PREFIXES)}")
    if sandbox and not text.startswith(SANDBOX_PREFIX):
        raise field.wrong(f"a sandbox token begins with {SANDBOX_PREFIX}")
    return text


def check_allowlist(field: Field) -> list[str]:
    """Addresses and CIDR ranges; raises SeedError."""
    for item in field.items():
        if parse_network(item.text()) is None:
            raise item.wrong(f"{item.text()!r} is no IP address and no CIDR range")
    return field.texts()


def check_events(field: Field) -> list[str]:
    """Events of a webhook; raises SeedError."""
    return field.texts(tuple(EVENTS))


def check_tier(field: Field) -> str:
    """A tier; raises SeedError."""
    return field.one_of(tuple(TIERS))


def check_mime(field: Field) -> str:
    """A media type; raises SeedError."""
    return field.one_of(MEDIA_TYPES)
