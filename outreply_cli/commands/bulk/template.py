"""`outreply bulk template`."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from outreply_cli.cli.options import argument, command, option
from outreply_cli.context import Context
from outreply_cli.errors import (
    InvalidInputError,
    NotLoggedInError,
    OutReplyError,
    StorageError,
    unknown_choice_error,
)
from outreply_cli.pages import page_alias
from outreply_cli.ui.streams import is_terminal

KINDS = ("yaml", "csv", "xlsx")
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


@command()
def run(
    context: Context,
    kind: Annotated[str, argument("yaml|csv|xlsx", "Template format.")] = "yaml",
    file: Annotated[Path | None, option("FILE", "Write to a new file (default: stdout).")] = None,
) -> None:
    """Print a calendar template.

    A workbook (xlsx) offers lists of time zones and, if you are signed in, of your pages.

    Example: outreply bulk template csv > launch.csv

    Example: outreply bulk template xlsx --file plan.xlsx
    """
    if kind not in KINDS:
        raise unknown_choice_error("calendar format", kind, KINDS)
    now = context.clock.now()
    # 09:00 of the next UTC day may be past in the east, and that of the local day in the west.
    now = max(now, now.astimezone(context.zone()), key=datetime.date)
    if kind == "xlsx":
        _write_workbook(context, file, now)
        return
    text = template(kind, now)
    if file is None:
        context.output.write_document(text)
    else:
        _write_new_file(context, file, text.encode())


def _write_workbook(context: Context, file: Path | None, now: datetime) -> None:
    from outreply_cli.bulk.workbook_writer import check_can_write, template_workbook

    if file is None and (is_terminal(context.stdout) or context.options.output != "table"):
        raise InvalidInputError(
            "a workbook is binary, and can be written to a file or a pipe only",
            hint="Use: outreply bulk template xlsx --file plan.xlsx",
        )
    check_can_write()
    content = template_workbook(_read_pages(context), now)
    if file is None:
        context.stdout.buffer.write(content)
    else:
        _write_new_file(context, file, content)


def _read_pages(context: Context) -> list[str]:
    """Return the pages of the account; none if there is no account, or it cannot be read."""
    try:
        pages = context.client().pages().items
    except NotLoggedInError:
        context.info("The template has no list of your pages, because you are not signed in.")
    except OutReplyError as error:
        context.warn(f"the template has no list of your pages: {error.message}")
    else:
        return [page_alias(page) for page in pages]
    return []


def _write_new_file(context: Context, file: Path, content: bytes) -> None:
    try:
        with file.open("xb") as stream:
            stream.write(content)
    except FileExistsError:
        raise InvalidInputError(
            f"{file} already exists", hint="Use another name, or delete the file first."
        ) from None
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}") from None
    context.report({"file": str(file)}, f"Wrote the template to {file}.")


def template(kind: str, now: datetime) -> str:
    """Return a calendar template, `csv` or `yaml`, with times in the days after `now`."""
    days = {f"day{days}": f"{now + timedelta(days=days):%Y-%m-%d}" for days in (1, 2)}
    return (_CSV if kind == "csv" else _YAML).format(**days, picture=_PICTURE, schema=_SCHEMA_FILE)
