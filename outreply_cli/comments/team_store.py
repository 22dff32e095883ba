"""Comments seen and replies sent by a team, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from outreply_cli.comments.store import COLUMNS, CommentStore
from outreply_cli.storage.sqlite import insert_missing
from outreply_cli.storage.team_tables import TeamTables


class TeamCommentStore(TeamTables, CommentStore):
    """Comments seen and replies sent by all machines of a team."""

    def add_rows(self, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """Add comments and replies that the team does not have; raises StorageError."""
        with self._change() as db:
            for table, columns in COLUMNS.items():
                insert_missing(db, table, columns, rows[table])

    def _execute(self, statement: str, *parameters: str | float | None) -> list[Any]:
        with self._change() as db:
            cursor = db.execute(statement, (self._account, *parameters))
            return list(cursor.fetchall()) if cursor.description else []
