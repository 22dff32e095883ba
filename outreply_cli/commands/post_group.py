"""The group that the commands on posts belong to, and how they say which posts they mean."""

from typing import Annotated

import typer

from outreply_cli.cli.options import new_group
from outreply_cli.errors import InvalidInputError

app = new_group("Schedule, publish, list and cancel posts.")
OnePage = Annotated[str | None, typer.Option("--page", metavar="P", help="Only of one page.")]
Scheduled = Annotated[bool, typer.Option("--scheduled", help="What is pending (default).")]
Published = Annotated[bool, typer.Option("--published", help="What is out.")]
Every = Annotated[bool, typer.Option("--all", help="Both.")]


def refuse_several(*chosen: bool) -> None:
    """Raise InvalidInputError where more than one of Scheduled, Published and Every is chosen."""
    if sum(chosen) > 1:
        raise InvalidInputError("choose one of --scheduled, --published and --all")
