"""`outreply bulk schema`."""

import json

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command(api=False)
def run(context: Context) -> None:
    """Print the JSON Schema of YAML and JSON calendars.

    Editors use it to complete and check fields, even offline: the first line of `bulk template
    yaml` points yaml-language-server to the file in the first example. In a JSON calendar, refer to
    it with "$schema".

    Example: outreply bulk schema > outreply-calendar.schema.json

    Example: outreply bulk schema -o yaml
    """
    from outreply_cli.bulk.schema import calendar_schema

    schema = calendar_schema()
    context.output.print_value(json.dumps(schema, indent=2, ensure_ascii=False), schema)
