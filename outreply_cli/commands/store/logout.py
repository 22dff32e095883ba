"""`outreply store logout`."""

from contextlib import closing

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command(api=False)
def run(context: Context) -> None:
    """Delete the password of the team's store from the system keyring.

    Example: outreply store logout

    Example: outreply store logout --json
    """
    with closing(context.store.database()) as database:
        deleted = context.store_password.delete(database.address)
    note = f"Deleted the password for {database.address} from the system keyring."
    if not deleted:
        note = f"The system keyring has no password for {database.address}."
    context.report({"store": database.name, "address": database.address, "deleted": deleted}, note)
