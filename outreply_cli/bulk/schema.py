"""The JSON Schema of YAML and JSON calendars, from `calendar.schema.json`.

Any scalar is text as it is written, such as `key: 2026`; a blank one counts as missing, except for
pages and times, where it would replace that of `defaults`. A row without a time takes a slot; a
series needs the time of its first post.
"""

from typing import Any

from outreply_cli.bulk.calendar import FIELD_TABLE
from outreply_cli.formats.json import load_data


def calendar_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of calendars, with the help and an example of each field."""
    schema: dict[str, Any] = load_data(__file__, "calendar.schema.json")
    fields = schema["$defs"]
    for field in FIELD_TABLE:
        description = field.help[:1].upper() + field.help[1:]
        fields[field.name] = {
            "description": description,
            **fields[field.name],
            "examples": [field.example],
        }
    return schema
