"""`outreply emulator openapi`."""

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command(api=False)
def run(context: Context) -> None:
    """Print the OpenAPI 3.1 document of the API.

    The emulator does not need to be running.

    Example: outreply emulator openapi > openapi.json

    Example: outreply emulator openapi -o yaml
    """
    from outreply_cli.api.base_url import DEFAULT_BASE_URL
    from outreply_cli.emulator.openapi import document

    context.output.print_data(document(DEFAULT_BASE_URL))
