"""`outreply store restore`."""

from contextlib import closing
from typing import Annotated

from outreply_cli.cli.options import argument, command
from outreply_cli.commands.store.shared import report_copy
from outreply_cli.context import Context
from outreply_cli.journal.transfer import add_rows, parse_lines


@command(api=False)
def run(
    context: Context,
    file: Annotated[str, argument("FILE", "Backup of store export, or - for stdin.")],
) -> None:
    """Restore posts from a backup that are missing from the journal.

    Posts that are already in the journal stay as they are, so you can restore a backup repeatedly.
    The backup does not include posts that were sent after it: run `bulk reconcile` for each
    calendar before you schedule it again.

    Example: outreply store restore backup.jsonl

    Example: gunzip -c backup.jsonl.gz | outreply store restore -
    """
    rows = parse_lines(file, context.read_text(file).splitlines())
    with closing(context.store.open()) as journal:
        report = add_rows(journal, rows)
    report_copy(context, report, {"file": file})
