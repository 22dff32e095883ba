"""The JSON Schema of YAML and JSON calendars, from `calendar.schema.json`.

Any scalar is text as it is written, such as `key: 2026`; a blank one counts as missing, except for
pages and times, where it would replace that of `defaults`. A row without a time takes a slot; a
series needs the time of its first post.
"""

import json
from pathlib import Path
from typing import Any

from outreply_cli.bulk.calendar import FIELD_TABLE


def calendar_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of calendars, with the help and an example of each field."""
    path = Path(__file__).with_name("calendar.schema.json")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    fields = schema["$defs"]
    for field in FIELD_TABLE:
        description = field.help[:1].upper() + field.help[1:]
        fields[field.name] = {
            "description": description,
            **fields[field.name],
            "examples": [field.example],
        }
    return schema
