"""Lists of names and values on one line, such as `Text=message,"Notes, internal"=`."""

import re
from collections.abc import Mapping

from outreply_cli.errors import malformed_value_error

_QUOTED = r'"((?:[^"]|"")*)"'
_PAIR = re.compile(
    rf'\s*(?:{_QUOTED}|([^",=\s][^,=]*))\s*=\s*(?:{_QUOTED}|([^",][^,]*)?)\s*(?:,\s*|$)'
)


def parse_mapping(option: str, text: str, form: str, *, hint: str) -> dict[str, str]:
    """Parse the values by name in an option; one with a comma is in double quotation marks.

    Args:
        option: The option, for the error.
        text: Its value.
        form: The form that it must have, such as `NAME=VALUE`.
        hint: Advice for the error.

    Raises:
        InvalidInputError: The text is not such a list.
    """
    pairs: dict[str, str] = {}
    rest = text.strip().strip(",")
    position = 0
    while position < len(rest):
        match = _PAIR.match(rest, position)
        if match is None:
            break
        quoted_name, name, quoted_value, value = match.groups()
        name = quoted_name.replace('""', '"') if name is None else name
        value = quoted_value.replace('""', '"') if quoted_value is not None else value or ""
        pairs[name.strip()] = value.strip()
        position = match.end()
    if position < len(rest) or (text.strip() and not pairs):
        raise malformed_value_error(option, text, form, hint=hint)
    return pairs


def quote_mapping(pairs: Mapping[str, str]) -> str:
    """Format values by name as `parse_mapping` parses them, as one word of a command line."""
    text = ",".join(f"{_quote(name)}={_quote(value)}" for name, value in pairs.items())
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _quote(text: str) -> str:
    if not any(mark in text for mark in ',="'):
        return text
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
