"""`outreply store move`."""

from contextlib import closing
from dataclasses import replace

from outreply_cli.cli.options import command
from outreply_cli.commands.store.shared import report_copy
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.journal.transfer import add_rows, read_rows


@command(api=False)
def run(context: Context) -> None:
    """Copy this machine's journal, comments, replies and analytics to the team's store.

    The files of this machine stay as they are. Posts that are already in the store are not added
    again, so you can repeat the command.

    Example: outreply store move

    Example: outreply store move --json
    """
    from outreply_cli.analytics.store import ANALYTICS_FILE, open_analytics
    from outreply_cli.comments.store import COMMENTS_FILE, open_comments

    store = context.store
    own_store, database = replace(store, url=None), store.database()
    copied = [
        open_tables
        for name, open_tables in ((COMMENTS_FILE, open_comments), (ANALYTICS_FILE, open_analytics))
        if (store.state_dir / name).exists()
    ]
    if not store.path.exists() and not copied:
        raise InvalidInputError(f"nothing to move: this machine has no journal at {store.path}")
    with closing(store.open()) as journal, closing(store.open_file(allow_readonly=True)) as own:
        report = add_rows(journal, read_rows(own))
    for open_tables in copied:
        with (
            closing(open_tables(own_store, "", allow_readonly=True)) as mine,
            closing(open_tables(store, "")) as shared,
        ):
            shared.add_rows(mine.copy_rows())
    report_copy(context, report, {"store": database.name})
    context.info("Run every command with the same OUTREPLY_STORE_URL from now on.")
