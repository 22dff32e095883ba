"""The store: the journal of this machine in a file, or that of a team in PostgreSQL."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from outreply_cli.accounts.store_password import STORE_LOGIN_HINT, StorePassword
from outreply_cli.clock import Clock, SystemClock
from outreply_cli.env import STORE_URL_VARIABLE, UTF8_HINT
from outreply_cli.errors import InvalidInputError
from outreply_cli.journal.journal import JOURNAL_FILE, Journal
from outreply_cli.journal.models import Origin
from outreply_cli.spec.text import is_unicode
from outreply_cli.storage.sqlite import FileSchema
from outreply_cli.storage.tables import LocalTables

if TYPE_CHECKING:
    from outreply_cli.storage.postgres import PostgresDatabase
    from outreply_cli.storage.team_tables import TeamTables

_NOWHERE = Origin()
_SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True, repr=False)
class Store:
    """Location of the journal.

    Attributes:
        state_dir: Directory of this machine's journal.
        url: URL of a team's database; None for this machine's journal.
        origin: Command as shown in the log of the journal.
        clock: Clock of the log's timestamps and of lock timeouts.
        password: Password of the database, if its URL has none.
    """

    state_dir: Path
    url: str | None = None
    origin: Origin = _NOWHERE
    clock: Clock = field(default_factory=SystemClock)
    password: StorePassword | None = None

    @property
    def path(self) -> Path:
        """Path of this machine's journal, even if a team's is used."""
        return self.state_dir / JOURNAL_FILE

    @property
    def exists(self) -> bool:
        """Whether there is a journal that could have entries."""
        return self.url is not None or self.path.exists()

    def open(self, *, allow_readonly: bool = False) -> Journal:
        """Open the journal; see `Journal`.

        Raises:
            StorageError: The file or database cannot be used.
            InvalidInputError: The URL is invalid, or the driver is not installed.
        """
        if self.url is None:
            return self.open_file(allow_readonly=allow_readonly)
        database = self.database()
        from outreply_cli.journal.postgres import PostgresJournal

        return PostgresJournal(database, origin=self.origin, clock=self.clock)

    def open_file(self, *, allow_readonly: bool = False) -> Journal:
        """Open this machine's journal."""
        return Journal(
            self.path, allow_readonly=allow_readonly, origin=self.origin, clock=self.clock
        )

    def open_tables(
        self, file_name: str, schema: FileSchema, *, allow_readonly: bool = False
    ) -> "LocalTables | TeamTables":
        """Open tables in a file of the state directory or in the team's database.

        Raises:
            StorageError: The file or database cannot be used.
            InvalidInputError: The URL is invalid, or the driver is not installed.
        """
        if self.url is None:
            return LocalTables(self.state_dir / file_name, schema, allow_readonly=allow_readonly)
        from outreply_cli.storage.team_tables import TeamTables

        return TeamTables(self.database())

    def database(self) -> "PostgresDatabase":
        """Return the team's database.

        Raises:
            InvalidInputError: No URL is set, it is invalid, or the driver is not installed.
        """
        if self.url is None:
            raise InvalidInputError(
                "no team store is configured",
                hint="Set OUTREPLY_STORE_URL to postgresql://USER@HOST/DATABASE",
            )
        if not self.url.startswith(_SCHEMES):
            raise InvalidInputError(
                "the store URL does not start with postgresql://",
                hint="Set OUTREPLY_STORE_URL to postgresql://USER@HOST/DATABASE",
            )
        if not is_unicode(self.url):
            # The configuration file is UTF-8.
            raise InvalidInputError(f"{STORE_URL_VARIABLE} is not valid UTF-8", hint=UTF8_HINT)
        from outreply_cli.storage.postgres import PostgresDatabase

        find_password = self.password.find if self.password is not None else None
        return PostgresDatabase(self.url, find_password, STORE_LOGIN_HINT)
