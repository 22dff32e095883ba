"""`outreply bulk template`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(api=False)
def run(
    context: Context,
    kind: Annotated[str, typer.Argument(metavar="yaml|csv", help="Format.")] = "yaml",
) -> None:
    """Print a calendar template.

    Example: outreply bulk template csv > launch.csv

    Example: outreply bulk template yaml > launch.yaml
    """
    from outreply_cli.bulk.template import template

    if kind not in {"yaml", "csv"}:
        raise InvalidInputError(f"unknown calendar format {kind!r}", hint="Use yaml or csv.")
    context.output.write_document(template(kind, context.clock.now()))
