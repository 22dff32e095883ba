"""Snapshots of a team, in PostgreSQL."""

from typing import Any

from outreply_cli.analytics.store import AnalyticsStore
from outreply_cli.storage.team_tables import TeamTables


class TeamAnalyticsStore(TeamTables, AnalyticsStore):
    """The snapshots taken by all machines of a team."""

    def _rows(self, statement: str, *parameters: str | int | None) -> list[tuple[Any, ...]]:
        with self._change() as db:
            rows = db.execute(statement, (self._account, *parameters)).fetchall()
            return [tuple(row.values()) for row in rows]
