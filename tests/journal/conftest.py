"""Journals on both databases."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from outreply_cli.journal.journal import Journal
from tests.postgres import open_migrated


@pytest.fixture(params=["sqlite", "postgres"])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Journal]]:
    """Open a journal of one store: each call is another process."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield lambda: stack.enter_context(closing(Journal(tmp_path / "state" / "journal.db")))
        else:
            url = request.getfixturevalue("postgres_url")
            yield lambda: stack.enter_context(closing(open_migrated(url)))


@pytest.fixture
def journal(open_journal: Callable[[], Journal]) -> Journal:
    return open_journal()
