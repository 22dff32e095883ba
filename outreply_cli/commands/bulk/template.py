"""`outreply bulk template`."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.errors import unknown_choice_error

_PICTURE = "https://cdn.example.com/doors.jpg"
_CSV = """\
key,page,scheduled_at,timezone,message,media_urls,first_comment
welcome,instagram:acme,{day1} 09:00,,Good morning! The doors are open.,{picture},Who is coming?
offer,instagram:acme;facebook:acme,{day2} 17:30,Europe/Paris,"Two lines,
one post.",https://cdn.example.com/offer.jpg,
"""
_SCHEMA_FILE = "outreply-calendar.schema.json"
_YAML = """\
# yaml-language-server: $schema={schema}
# Editors complete and check the fields once you run: outreply bulk schema > {schema}

# Time zone of local times. A row may set its own, or use an offset such as +01:00.
timezone: Europe/Paris

# Values of every post that does not set its own.
defaults:
  page: instagram:acme

posts:
  # The key identifies the row: edit the other fields, and its post is replaced.
  - key: welcome
    scheduled_at: {day1} 09:00
    message: Good morning! The doors are open.
    media_urls: {picture}
    first_comment: Who is coming?

  - key: offer
    page: [instagram:acme, facebook:acme]
    scheduled_at: {day2} 17:30
    message: |
      Two lines,
      one post.
    media_urls: https://cdn.example.com/offer.jpg
"""


@command(api=False)
def run(
    context: Context,
    kind: Annotated[str, typer.Argument(metavar="yaml|csv", help="Template format.")] = "yaml",
) -> None:
    """Print a calendar template.

    Example: outreply bulk template csv > launch.csv

    Example: outreply bulk template yaml > launch.yaml
    """
    if kind not in {"yaml", "csv"}:
        raise unknown_choice_error("calendar format", kind, ("yaml", "csv"))
    context.output.write_document(template(kind, context.clock.now()))


def template(kind: str, now: datetime) -> str:
    """Return a calendar template, `csv` or `yaml`, with times in the days after `now`."""
    days = {f"day{days}": f"{now + timedelta(days=days):%Y-%m-%d}" for days in (1, 2)}
    return (_CSV if kind == "csv" else _YAML).format(**days, picture=_PICTURE, schema=_SCHEMA_FILE)
