"""`outreply bulk approve`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from outreply_cli.bulk.approval import (
    MAX_COMMENT_CHARACTERS,
    MAX_NAME_CHARACTERS,
    Approval,
    Decision,
    approval_file_name,
    calendar_title,
    is_approval,
)
from outreply_cli.bulk.preview import RowPreview
from outreply_cli.cli.options import Yes, command, option, switch
from outreply_cli.commands.bulk.options import File, ReadOptions
from outreply_cli.commands.bulk.preview import preview_file
from outreply_cli.commands.bulk.shared import load_calendars
from outreply_cli.commands.posts.preview_output import preview_lines
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.spec.text import is_unicode
from outreply_cli.storage.files import check_replaceable, write_file

_PROMPT = "[y]es, [n]o, yes with a [c]omment, [s]kip, [a]ll that are left, [q]uit: "
_LETTERS = frozenset("yncsaq")


@command()
def run(
    context: Context,
    file: File,
    by: Annotated[
        str | None,
        option("NAME", "Name of the reviewer (default: ask; with --yes, your user name)."),
    ] = None,
    approve_all: Annotated[
        bool, switch("Approve all posts, after one confirmation.", "--all")
    ] = False,
    approval: Annotated[
        Path | None,
        option(
            "FILE",
            "Write the approval to this file (default: in the current directory, named after the "
            "calendar).",
            "--file",
        ),
    ] = None,
    yes: Yes = False,
    *,
    reading: ReadOptions,
) -> None:
    """Approve the posts of a calendar at the terminal.

    Shows each post and asks. The result is an approval file, as saved by the HTML file of `bulk
    preview`; `bulk schedule --approved` sends only what it approves. It is a record, not a
    signature: the reviewer's name is not verified.

    Example: outreply bulk approve launch.csv

    Example: outreply bulk approve launch.csv --by 'Jane Doe' --all --yes
    """
    if not context.is_interactive and not (approve_all and yes):
        raise InvalidInputError(
            "posts can only be shown and approved in a terminal",
            hint="To approve all of them, use --all --yes. For another reviewer, write an HTML "
            "file: outreply bulk preview FILE --html preview.html",
        )
    (calendar,) = load_calendars(context, [file], reading)
    path = approval or Path(approval_file_name(calendar))
    check_replaceable("--file", path, "an approval", is_approval, [calendar.path])
    rows = preview_file(context, calendar, reading).rows
    if by is None and context.is_interactive and not yes:
        by = context.prompt("Your name: ")
        if by is None:
            raise InvalidInputError("cancelled; nothing was approved")
    name = (by or context.origin.user).strip()
    if not name or len(name) > MAX_NAME_CHARACTERS or not is_unicode(name):
        limit = f"of at most {MAX_NAME_CHARACTERS} characters"
        raise InvalidInputError(f"--by: a name {limit} is required")
    if approve_all:
        posts = f"{len(rows)} post{'s' * (len(rows) != 1)} of {calendar.file_name}"
        context.confirm(f"Approve {posts} as {name}?", yes=yes)
        decisions = [Decision(row.version, is_approved=True) for row in rows]
    else:
        decisions = _ask(context, rows, calendar.file_name)
    if not decisions:
        raise InvalidInputError("nothing was approved or rejected; no file was written")
    by_row = {decision.version.row: decision for decision in decisions}
    document = Approval(calendar_title(calendar), name, context.clock.now(), by_row)
    write_file(path, document.to_json())
    approved = sum(decision.is_approved for decision in decisions)
    counts = {
        "approved": approved,
        "rejected": len(decisions) - approved,
        "undecided": len(rows) - len(decisions),
    }
    context.report(
        {"file": str(path), "approved_by": name, **counts},
        f"{', '.join(f'{count} {what}' for what, count in counts.items() if count)}. Send them "
        f"with: outreply bulk schedule {calendar.file_name} --approved {path}",
    )


def _ask(context: Context, rows: Sequence[RowPreview], file_name: str) -> list[Decision]:
    """Show each post, and return what was decided about it."""
    decisions: list[Decision] = []
    for index, row in enumerate(rows):
        text = "\n".join(preview_lines(row.post, f"{file_name}:{row.line}"))
        context.echo_err(f"\n{index + 1} of {len(rows)}: {sanitize(text, keep_lines=True)}\n")
        letter = ""
        while letter not in _LETTERS:
            typed = context.prompt(_PROMPT)
            if typed is None:
                raise KeyboardInterrupt
            letter = typed.lower()[:1]
        if letter == "a":
            return decisions + [Decision(item.version, is_approved=True) for item in rows[index:]]
        if letter == "q":
            break
        comment = context.prompt("Comment: ") if letter in {"n", "c"} else ""
        if letter != "s":
            text = (comment or "")[:MAX_COMMENT_CHARACTERS]
            decisions.append(Decision(row.version, is_approved=letter != "n", comment=text))
    return decisions
