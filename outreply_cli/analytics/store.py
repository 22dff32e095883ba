"""Snapshots of pages and posts, in SQLite or in a team's store.

A snapshot is what the API said about one page and its posts. Each page has one a day, stored in one
transaction, so that a run that died is continued by the next one.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from outreply_cli.journal.store import Store
from outreply_cli.storage.sqlite import FileSchema, insert_missing, read_tables
from outreply_cli.storage.tables import LocalTables
from outreply_cli.timestamps import parse_timestamp

if TYPE_CHECKING:
    from outreply_cli.storage.team_tables import TeamTables

# Name of the file in the state directory.
ANALYTICS_FILE = "analytics.db"
# The metrics that count as engagement (reference: GET /posts/published).
METRICS = ("likes", "comments", "shares")
SCHEMA = FileSchema(
    "the analytics database",
    Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"),
    1,
    durable=False,
)
_PAGE_FIELDS = ("platform", "username", "name", "brand_id", "brand_name")
_POST_COLUMNS = ("account", "id", "page_id", "published_at", "message")
_METRIC_COLUMNS = ("snapshot", "post", "metric", "value")
_COLUMNS = {
    "analytics_pages": ("account", "id", *_PAGE_FIELDS),
    "analytics_posts": ("number", *_POST_COLUMNS),
    "analytics_snapshots": (
        "number", "account", "page_id", "day", "taken_at", "followers", "truncated",
    ),
    "analytics_metrics": _METRIC_COLUMNS,
}  # fmt: skip
_SAVE_PAGE = (
    f"INSERT INTO analytics_pages (account, id, {', '.join(_PAGE_FIELDS)}) "  # noqa: S608
    f"VALUES (?, ?{', ?' * len(_PAGE_FIELDS)}) ON CONFLICT (account, id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _PAGE_FIELDS)
)
# A metric that the API did not report has no row, and is None.
_COUNTS = ", ".join(f"max(CASE WHEN metric = '{x}' THEN value END) AS {x}" for x in METRICS)
_MAX_COUNT = 2**63 - 1


class Snapshot(NamedTuple):
    """The state of a page at one time; `truncated` if its list of posts may be incomplete.

    `taken_at` is a Unix time by the server's clock. `followers` is None if it was not reported.
    """

    number: int
    day: date
    taken_at: float
    followers: int | None
    truncated: int


class MeasuredPost(NamedTuple):
    """A post in at least one snapshot; `published_at` is a Unix time, None if unknown."""

    number: int
    id: str
    page_id: str
    published_at: float | None
    message: str


class Counts(NamedTuple):
    """The metrics of a post in a snapshot; None where the API did not report one."""

    likes: int | None
    comments: int | None
    shares: int | None

    @property
    def engagement(self) -> int | None:
        """Sum of the reported metrics; None if there are none."""
        reported = [value for value in self if value is not None]
        return sum(reported) if reported else None


def open_analytics(store: Store, account: str, *, allow_readonly: bool = False) -> "AnalyticsStore":
    """Open the snapshots of an account, of this machine or of a team; raises StorageError."""
    tables = store.open_tables(ANALYTICS_FILE, SCHEMA, allow_readonly=allow_readonly)
    return AnalyticsStore(tables, account)


class AnalyticsStore:
    """The snapshots of one account; several processes may have it open.

    Every method raises StorageError when the file or database is unusable.
    """

    def __init__(self, tables: "LocalTables | TeamTables", account: str) -> None:
        self._tables, self._account = tables, account

    def close(self) -> None:
        """Close the file or the connection."""
        self._tables.close()

    def add(
        self,
        page: Mapping[str, Any],
        posts: Sequence[Mapping[str, Any]],
        *,
        day: date,
        taken_at: float,
        truncated: bool,
    ) -> bool:
        """Store the snapshot of a page on a day; False if the day has one.

        `page` and its published `posts` are the API's objects.
        """
        account, page_id = self._account, _text(page["id"])
        with self._tables.change() as db:
            added = db.execute(
                "INSERT INTO analytics_snapshots "
                "(account, page_id, day, taken_at, followers, truncated) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING number",
                (account, page_id, day.isoformat(), taken_at, _count(page.get("followers")),
                 int(truncated)),
            ).fetchone()  # fmt: skip
            if added is None:
                return False
            db.execute(_SAVE_PAGE, (account, page_id, *(_text(page.get(x)) for x in _PAGE_FIELDS)))
            insert_missing(db, "analytics_posts", _POST_COLUMNS, [
                (account, _text(post["id"]), page_id, _time(post.get("published_at")),
                 _text(post.get("message")))
                for post in posts
            ])  # fmt: skip
            rows = db.execute(
                "SELECT id, number FROM analytics_posts WHERE account = ? AND page_id = ?",
                (account, page_id),
            )
            numbers = {row["id"]: row["number"] for row in rows}
            insert_missing(db, "analytics_metrics", _METRIC_COLUMNS, [
                (added["number"], numbers[post_id], metric, value)
                for post in posts
                if (post_id := _text(post["id"])) in numbers
                for metric, value in _metrics(post)
            ])  # fmt: skip
        return True

    def last_days(self) -> dict[str, date]:
        """Return the day of the last snapshot of each page, by ID."""
        rows = self._rows(
            "SELECT page_id, max(day) FROM analytics_snapshots WHERE account = ? GROUP BY page_id"
        )
        return {page_id: date.fromisoformat(day) for page_id, day in rows}

    def pages(self) -> list[dict[str, str]]:
        """Return all pages with snapshots, including those that the account no longer has."""
        rows = self._rows(
            f"SELECT id, {', '.join(_PAGE_FIELDS)} FROM analytics_pages "  # noqa: S608 - constants
            "WHERE account = ? ORDER BY brand_name, platform, username, id"
        )
        return [dict(zip(("id", *_PAGE_FIELDS), row, strict=True)) for row in rows]

    def posts(self, page_id: str | None = None) -> list[MeasuredPost]:
        """Return the posts of a page, or of all pages, newest first."""
        rows = self._rows(
            "SELECT number, id, page_id, published_at, message FROM analytics_posts "
            "WHERE account = ? AND page_id = coalesce(?, page_id) "
            "ORDER BY coalesce(published_at, 0) DESC, number",
            page_id,
        )
        return [MeasuredPost(*row) for row in rows]

    def snapshots(self, page_id: str, first: date = date.min) -> list[Snapshot]:
        """Return the snapshots of a page from a day on, by day."""
        rows = self._rows(
            "SELECT number, day, taken_at, followers, truncated FROM analytics_snapshots "
            "WHERE account = ? AND page_id = ? AND day >= ? ORDER BY day",
            page_id, first.isoformat(),
        )  # fmt: skip
        return [Snapshot(row[0], date.fromisoformat(row[1]), *row[2:]) for row in rows]

    def counts(self, page_id: str, first: date = date.min) -> Iterator[tuple[int, int, Counts]]:
        """Yield the numbers of posts and snapshots from a day on, with the metrics."""
        rows = self._rows(
            f"SELECT post, snapshot, {_COUNTS} FROM analytics_metrics "  # noqa: S608 - constants
            "WHERE snapshot IN (SELECT number FROM analytics_snapshots "
            "WHERE account = ? AND page_id = ? AND day >= ?) GROUP BY snapshot, post",
            page_id, first.isoformat(),
        )  # fmt: skip
        return ((post, snapshot, Counts(*values)) for post, snapshot, *values in rows)

    def copy_rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the snapshots of all accounts, by table."""
        with self._tables.snapshot() as db:
            return read_tables(db, _COLUMNS)

    def add_rows(self, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> None:
        """Add the snapshots of another store that this one does not have."""
        with self._tables.change_without_timeout() as db:
            insert_missing(db, "analytics_pages", _COLUMNS["analytics_pages"],
                           rows["analytics_pages"])  # fmt: skip
            # Each store has its own numbers.
            posts = _add_numbered(db, "analytics_posts", rows, key=2)
            snapshots = _add_numbered(db, "analytics_snapshots", rows, key=3)
            insert_missing(db, "analytics_metrics", _METRIC_COLUMNS, [
                (snapshots[snapshot], posts[post], metric, value)
                for snapshot, post, metric, value in rows["analytics_metrics"]
            ])  # fmt: skip

    def _rows(self, statement: str, *parameters: str | int | None) -> list[tuple[Any, ...]]:
        """Return the rows of a query that has the account as its first parameter."""
        return self._tables.tuples(statement, (self._account, *parameters))


def _add_numbered(
    db: Any, table: str, rows: Mapping[str, Sequence[tuple[Any, ...]]], *, key: int
) -> dict[int, int]:
    """Add rows that begin with their number, and return the numbers that they have here.

    Args:
        db: The open transaction.
        table: Name of the table.
        rows: Rows of another store by table.
        key: Number of columns after the first that identify a row.
    """
    columns = _COLUMNS[table][1:]
    insert_missing(db, table, columns, [row[1:] for row in rows[table]])
    found = db.execute(f"SELECT number, {', '.join(columns[:key])} FROM {table}")  # noqa: S608
    numbers = {tuple(row[name] for name in columns[:key]): row["number"] for row in found}
    return {row[0]: numbers[row[1 : key + 1]] for row in rows[table]}


def _metrics(post: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield all counts that the API reported of a post, even those not in METRICS."""
    metrics = post.get("metrics")
    for name, value in metrics.items() if isinstance(metrics, Mapping) else ():
        count = _count(value)
        if count is not None:
            yield _text(name), count


def _count(value: Any) -> int | None:
    """Return a whole number that both databases can store, or None."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_whole = is_number and abs(value) <= _MAX_COUNT and value == int(value)
    return int(value) if is_whole else None


def _text(value: Any) -> str:
    # PostgreSQL stores neither null characters nor lone surrogates.
    text = "" if value is None else str(value)
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _time(value: Any) -> float | None:
    try:
        return parse_timestamp(value).timestamp()
    except ValueError:
        return None
