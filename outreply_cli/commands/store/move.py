"""`outreply store move`."""

from contextlib import closing

from outreply_cli.cli.options import command
from outreply_cli.commands.store.shared import report_copy
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.journal.transfer import add_rows, read_rows


@command(api=False)
def run(context: Context) -> None:
    """Add this machine's journal to the team's store.

    The journal of this machine stays as it is. What the store has already is not added again, so
    that the command can be repeated.

    Example: outreply store move

    Example: outreply store move --json
    """
    store = context.store
    database = store.database()
    if not store.path.exists():
        raise InvalidInputError(
            f"this machine has no journal at {store.path}", hint="There is nothing to move."
        )
    with closing(store.open()) as journal, closing(store.open_file(allow_readonly=True)) as own:
        report = add_rows(journal, read_rows(own))
    report_copy(context, report, {"store": database.name})
    context.info("Run every command with the same OUTREPLY_STORE_URL from now on.")
