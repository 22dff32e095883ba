"""`outreply store move`."""

from contextlib import closing

from outreply_cli.cli.options import command
from outreply_cli.commands.store.shared import report_copy
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.journal.transfer import add_rows, read_rows


@command(api=False)
def run(context: Context) -> None:
    """Add this machine's journal, comments and replies to the team's store.

    The files of this machine stay as they are. Posts that are already in the store are not added
    again, so you can repeat the command.

    Example: outreply store move

    Example: outreply store move --json
    """
    from outreply_cli.comments.store import COMMENTS_FILE, SCHEMA, CommentStore, open_comments
    from outreply_cli.storage.tables import LocalTables

    store = context.store
    database = store.database()
    comments = store.state_dir / COMMENTS_FILE
    if not store.path.exists() and not comments.exists():
        raise InvalidInputError(
            f"this machine has no journal at {store.path}", hint="There is nothing to move."
        )
    with closing(store.open()) as journal, closing(store.open_file(allow_readonly=True)) as own:
        report = add_rows(journal, read_rows(own))
    if comments.exists():
        seen = CommentStore(LocalTables(comments, SCHEMA, allow_readonly=True), "")
        with closing(seen), closing(open_comments(store, "")) as shared:
            shared.add_rows(seen.copy_rows())
    report_copy(context, report, {"store": database.name})
    context.info("Run every command with the same OUTREPLY_STORE_URL from now on.")
