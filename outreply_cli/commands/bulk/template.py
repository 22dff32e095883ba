"""`outreply bulk template`."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from outreply_cli.cli.options import argument, command, option
from outreply_cli.context import Context
from outreply_cli.errors import (
    InvalidInputError,
    NotSignedInError,
    OutReplyError,
    StorageError,
    unknown_choice_error,
)
from outreply_cli.pages import page_alias
from outreply_cli.ui.streams import is_terminal

KINDS = ("yaml", "csv", "xlsx")
_DIRECTORY = Path(__file__).parents[2] / "templates"


@command()
def run(
    context: Context,
    kind: Annotated[str, argument("yaml|csv|xlsx", "Template format.")] = "yaml",
    file: Annotated[Path | None, option("FILE", "Write to a new file (default: stdout).")] = None,
) -> None:
    """Print a calendar template.

    A workbook (xlsx) has drop-down lists of time zones and, if you are signed in, of your pages.

    Example: outreply bulk template csv > launch.csv

    Example: outreply bulk template xlsx --file plan.xlsx
    """
    if kind not in KINDS:
        raise unknown_choice_error("calendar format", kind, KINDS)
    now = context.clock.now()
    if kind == "xlsx":
        _write_workbook(context, file, now)
        return
    text = template(kind, now)
    if file is None:
        context.output.write_document(text)
    else:
        _write_new_file(context, file, text.encode())


def _write_workbook(context: Context, file: Path | None, now: datetime) -> None:
    import csv
    import io

    from outreply_cli.bulk.workbook_writer import check_can_write, template_workbook

    if file is None and (is_terminal(context.stdout) or context.options.output != "table"):
        raise InvalidInputError(
            "a workbook is binary, and can be written to a file or a pipe only",
            hint="Use: outreply bulk template xlsx --file plan.xlsx",
        )
    check_can_write()
    examples = csv.DictReader(io.StringIO(template("csv", now)))
    content = template_workbook(_read_pages(context), now, examples)
    if file is None:
        context.stdout.buffer.write(content)
    else:
        _write_new_file(context, file, content)


def _read_pages(context: Context) -> list[str]:
    """Return the pages of the account; empty if no account is signed in, or it cannot be read."""
    try:
        pages = context.client().pages().items
    except NotSignedInError:
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
    """Return a calendar template, `csv` or `yaml`, with times after `now` in every time zone."""
    days = {f"day{days}": f"{now + timedelta(days=days + 1):%Y-%m-%d}" for days in (1, 2)}
    return (_DIRECTORY / f"calendar.{kind}").read_text(encoding="utf-8").format(**days)
