"""`outreply emulator openapi`."""

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command(api=False)
def run(context: Context) -> None:
    """Print the API's description, OpenAPI 3.1; nothing has to run for it.

    Example: outreply emulator openapi > openapi.json

    Example: outreply emulator openapi -o yaml
    """
    from outreply_cli.emulator.openapi import document

    context.output.write_json(document())
