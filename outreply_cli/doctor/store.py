"""Check of a team's store."""

from collections.abc import Iterator
from contextlib import closing

from outreply_cli.accounts.keyring import KeyringStore
from outreply_cli.accounts.resolve import resolve_store_url
from outreply_cli.accounts.store_password import KEYRING_HINT, StorePassword
from outreply_cli.doctor.context import KEYRING_TIMEOUT, DoctorContext
from outreply_cli.doctor.result import CheckResult, failure, ok, warning
from outreply_cli.errors import OutReplyError
from outreply_cli.journal.store import Store

# Each post takes several round trips.
_SLOW_MS = 100.0
_CLOCK_TOLERANCE_SECONDS = 60.0


def check_store(context: DoctorContext) -> Iterator[CheckResult]:
    """Check the team's store, if one is configured."""
    url = resolve_store_url(context.profile, context.profile_option, context.environ)
    if url is not None:
        password = StorePassword(KeyringStore(KEYRING_TIMEOUT, KEYRING_HINT))
        yield _check(context, Store(context.state_dir, url, password=password))


def _check(context: DoctorContext, store: Store) -> CheckResult:
    try:
        database = store.database()
        from outreply_cli.storage.postgres import measure, wrap_postgres_errors
        from outreply_cli.storage.team_schema import check_version

        hint = "Check OUTREPLY_STORE_URL, the network, and the log of the database."
        with (
            closing(database),
            wrap_postgres_errors(f"the store {database.name}", hint=hint),
            database.transaction(),
        ):
            check_version(database)
            found = measure(database, context.clock)
    except OutReplyError as error:
        return failure("store", error.message, error.hint or "")
    pooled = ", through a pooler" if found.is_pooled else ""
    detail = f"{database.name}, PostgreSQL {found.version}{pooled}, {found.latency_ms:.0f} ms"
    if found.missing_privileges:
        return failure(
            "store",
            f"{detail}; the role cannot change {', '.join(found.missing_privileges)}",
            "Grant SELECT, INSERT, UPDATE and DELETE on all tables of the schema outreply, and "
            "USAGE on the schema, to the role.",
        )
    if abs(found.clock_offset) > _CLOCK_TOLERANCE_SECONDS:
        return warning(
            "store",
            f"{detail}; its clock differs from this machine's by {found.clock_offset:.0f} s",
            "Synchronize the clocks of both machines.",
        )
    if found.latency_ms > _SLOW_MS:
        hint = "Each post takes several round trips; use a database that is nearer."
        return warning("store", f"{detail}, which is slow", hint)
    return ok("store", detail)
