"""Parsing and validation of seed files: YAML that describes accounts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from outreply_cli.emulator.auth import parse_network
from outreply_cli.emulator.clock import truncate
from outreply_cli.emulator.errors import SeedError
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.spec.limits import SANDBOX_PREFIX, TOKEN_PREFIXES, Tier
from outreply_cli.spec.platforms import find_platform
from outreply_cli.spec.text import is_unicode
from outreply_cli.times import parse_duration, parse_zone

_HINT = "See: outreply emulator seed --export"
_MAX_NODES = 200_000
_LIMITS = tuple(Tier.__dataclass_fields__)
_MAX_NUMBER = 2**53 - 1
# All times that are derived from one of these years exist.
_YEARS = range(1970, 9001)


@dataclass(frozen=True)
class Field:
    """A value of a seed file.

    Attributes:
        location: The file and line, `FILE:LINE`.
    """

    value: Any
    location: str
    name: str

    def error(self, reason: str) -> SeedError:
        """An error about this value."""
        return SeedError(f"{self.location}: {self.name}: {reason}")

    def fields(self, *known: str) -> "dict[str, Field]":
        """The fields of a mapping; raises SeedError, even for an unknown field."""
        if not isinstance(self.value, dict):
            raise self.error("must be a mapping")
        for name, field in self.value.items():
            if name not in known:
                raise field.error(f"unknown field; expected one of: {', '.join(known)}")
        return self.value

    def items(self) -> "list[Field]":
        """The items of a list; raises SeedError."""
        if not isinstance(self.value, list):
            raise self.error("must be a list")
        return self.value

    def text(self, *, max_length: int = 5_000) -> str:
        """A string or number as a string; raises SeedError."""
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            raise self.error("must be a string")
        text = str(self.value)
        if len(text) > max_length:
            raise self.error(f"must be at most {max_length} characters")
        return text

    def number(self) -> int:
        """A whole number, 0 or more, that JSON represents exactly; raises SeedError."""
        if type(self.value) is not int or not 0 <= self.value <= _MAX_NUMBER:
            raise self.error(f"must be a whole number from 0 to {_MAX_NUMBER}")
        return self.value

    def boolean(self) -> bool:
        """A boolean; raises SeedError."""
        if not isinstance(self.value, bool):
            raise self.error("must be true or false")
        return self.value

    def choice(self, allowed: tuple[str, ...]) -> str:
        """One of the `allowed` strings; raises SeedError."""
        if self.value not in allowed:
            raise self.error(f"must be one of: {', '.join(allowed)}")
        return str(self.value)

    def choices(self, allowed: tuple[str, ...]) -> list[str]:
        """A list of `allowed` strings; raises SeedError."""
        return [item.choice(allowed) for item in self.items()]

    def timestamp(self, now: datetime) -> float:
        """A Unix time; raises SeedError.

        The text is ISO 8601, UTC by default, or relative to `now`, such as `+2h` or `-3d`.
        """
        value = self.value
        if isinstance(value, datetime | date):
            value = value.isoformat()
        if isinstance(value, str):
            try:
                if value[:1] in {"+", "-"}:
                    span = parse_duration(value[1:])
                    at = now + (span if value[0] == "+" else -span)
                else:
                    at = datetime.fromisoformat(value)
                if at.year in _YEARS:
                    return truncate(at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
            except (ValueError, OverflowError, InvalidInputError):
                pass
        raise self.error(
            "must be an ISO 8601 time from 1970 to 9000, or relative to now such as +2h or -3d"
        )


def seed_from_json(value: Any, file: str, name: str = "seed") -> Field:
    """The seed in a parsed JSON file; parsing the same as YAML takes ten times as long."""
    if isinstance(value, dict):
        value = {key: seed_from_json(item, file, key) for key, item in value.items()}
    elif isinstance(value, list):
        value = [seed_from_json(item, file, name) for item in value]
    return Field(value, file, name)


def parse_seed(text: str, name: str) -> Field:
    """Parse a seed file called `name`.

    Raises:
        SeedError: The text is not valid YAML, too large or too deep, or repeats a key.
    """
    # Imported here: most emulators have the built-in account, which is JSON.
    import yaml

    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise SeedError(f"{name}: the seed file is empty", hint=_HINT)
        return _to_field(loader, node, name, "seed", iter(range(_MAX_NODES)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        location = f"{name}:{mark.line + 1}" if mark else name
        reason = getattr(error, "problem", None) or "not valid YAML"
        raise SeedError(f"{location}: {reason}", hint=_HINT) from None
    except RecursionError:
        raise SeedError(f"{name}: the YAML is nested too deeply") from None
    finally:
        if loader is not None:
            loader.dispose()


def _to_field(loader: Any, node: Any, file: str, name: str, count: Iterator[int]) -> Field:
    location = f"{file}:{node.start_mark.line + 1}"
    # Nested aliases would expand to more than fits in memory.
    if next(count, None) is None:
        raise SeedError(f"{location}: the seed has more than {_MAX_NODES} values")
    if node.id == "mapping":
        fields: dict[str, Field] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in fields:
                raise SeedError(f"{location}: duplicate field {key!r}")
            fields[key] = _to_field(loader, value_node, file, key, count)
        return Field(fields, location, name)
    if node.id == "sequence":
        items = [_to_field(loader, item, file, name, count) for item in node.value]
        return Field(items, location, name)
    if not is_unicode(node.value):
        raise SeedError(f"{location}: {name}: must be valid Unicode")
    try:
        return Field(loader.construct_object(node), location, name)
    # A value that does not match its tag raises the error of its constructor.
    except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError):
        raise SeedError(f"{location}: {name}: invalid value {node.value!r}") from None


def parse_timezone(field: Field) -> str:
    """The name of a time zone; raises SeedError."""
    text = field.text()
    try:
        parse_zone(text)
    except TimeError:
        raise field.error(f"unknown time zone {text!r}") from None
    return text


def parse_platform(field: Field) -> str:
    """The long name of a platform; raises SeedError."""
    platform = find_platform(field.text())
    if platform is None:
        raise field.error(f"unknown platform {field.text()!r}")
    return platform.name


def parse_limits(field: Field) -> str:
    """The overrides of an account's tier limits, as JSON; raises SeedError."""
    return json.dumps({name: limit.number() for name, limit in field.fields(*_LIMITS).items()})


def parse_token(field: Field, *, sandbox: bool) -> str:
    """The text of a token, with the prefix of its kind; raises SeedError."""
    text = field.text(max_length=200)
    if not (text.isascii() and text.isprintable()):
        raise field.error("must be printable ASCII")
    if not text.startswith(TOKEN_PREFIXES):
        raise field.error(f"must start with one of: {', '.join(TOKEN_PREFIXES)}")
    if sandbox and not text.startswith(SANDBOX_PREFIX):
        raise field.error(f"a sandbox token must start with {SANDBOX_PREFIX}")
    return text


def parse_allowlist(field: Field) -> list[str]:
    """A list of IP addresses and CIDR ranges; raises SeedError."""
    for item in field.items():
        if parse_network(item.text()) is None:
            raise item.error(f"invalid IP address or CIDR range {item.text()!r}")
    return [item.text() for item in field.items()]
