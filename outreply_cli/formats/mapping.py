"""Lists of names and values on one line, such as `Text=message,"Notes, internal"=`."""

import re
from collections.abc import Mapping

_QUOTED = r'"((?:[^"]|"")*)"'
_PAIR = re.compile(
    rf'\s*(?:{_QUOTED}|([^",=\s][^,=]*))\s*=\s*(?:{_QUOTED}|([^",][^,]*)?)\s*(?:,\s*|$)'
)


def parse_mapping(text: str) -> dict[str, str] | None:
    """Parse `NAME=VALUE` pairs; a name or value with a comma is in double quotation marks.

    Returns:
        The values by name; None if the text is not such a list.
    """
    pairs: dict[str, str] = {}
    rest = text.strip().strip(",")
    position = 0
    while position < len(rest):
        match = _PAIR.match(rest, position)
        if match is None:
            return None
        quoted_name, name, quoted_value, value = match.groups()
        name = quoted_name.replace('""', '"') if name is None else name
        value = quoted_value.replace('""', '"') if quoted_value is not None else value or ""
        pairs[name.strip()] = value.strip()
        position = match.end()
    return pairs


def format_mapping(pairs: Mapping[str, str]) -> str:
    """Format values by name as `parse_mapping` parses them."""
    return ",".join(f"{_quote(name)}={_quote(value)}" for name, value in pairs.items())


def _quote(text: str) -> str:
    if not any(mark in text for mark in ',="'):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
