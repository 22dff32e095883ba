"""`outreply store export`."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

from outreply_cli.cli.options import command, option
from outreply_cli.context import Context
from outreply_cli.journal.journal import TABLES
from outreply_cli.journal.transfer import Rows, dump_lines, is_backup, read_rows
from outreply_cli.storage.files import check_replaceable, write_file


@command(api=False)
def run(
    context: Context,
    file: Annotated[
        Path | None, option("FILE", "Write to a file that only you can read (default: stdout).")
    ] = None,
) -> None:
    """Write a backup of the journal as JSON Lines.

    It includes the text of all posts, but no comments, replies, analytics, webhook deliveries or
    tokens. Restore it with: outreply store restore FILE. To back up all data of this machine, copy
    the state directory while no command is running (see: outreply help environment).

    Example: outreply store export --file backup.jsonl

    Example: outreply store export | gzip > backup.jsonl.gz
    """
    if file is not None and str(file) != "-":
        check_replaceable("--file", file, "a backup", is_backup)
    rows: Rows = {table: [] for table in TABLES}
    if context.store.exists:
        with closing(context.store.open(allow_readonly=True)) as journal:
            rows = read_rows(journal)
    text = "".join(f"{line}\n" for line in dump_lines(rows))
    entries = len(rows["entries"])
    if file is None or str(file) == "-":
        context.output.write_document(text)
        return
    write_file(file, text, is_private=True)
    note = f"Exported {entries:,} post{'s' * (entries != 1)} to {file}."
    context.report({"file": str(file), "posts": entries}, note)
