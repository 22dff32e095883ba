"""`outreply store migrate`."""

from contextlib import closing

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command(api=False)
def run(context: Context) -> None:
    """Create the tables of a team's store, or bring them up to date.

    The store is the PostgreSQL database of OUTREPLY_STORE_URL, or of the profile's store_url. Run
    it once before others use the store, and after an update, if outreply says so. Nothing is
    deleted.

    Example: outreply store migrate

    Example: outreply store migrate --json
    """
    with closing(context.store.database()) as database:
        from outreply_cli.storage.team_schema import migrate

        before, after = migrate(database)
    note = f"The store {database.name} is up to date (version {after})."
    if before < after:
        note = f"The store {database.name} was updated to version {after}."
    context.report({"store": database.name, "before": before, "version": after}, note)
