"""Comments that are still to come in."""

import sqlite3

from outreply_cli.emulator.state import State

_DAY = 86_400.0
_COMMENTERS = (
    ("Jane Doe", "jane.doe", "Love this!"),
    ("Mateo Ruiz", "mateo", "Where can I get one?"),
    ("Priya Nair", "priya.n", "Is this open on Sunday?"),
    ("Sam Lee", "samlee", "What did you use for the picture?"),
    ("Ana Souza", "anasouza", "Saudades 💚"),
    ("Noor Haddad", "noor", "Do you ship abroad?"),
)


def expect_comments(
    state: State, db: sqlite3.Connection, post_id: str, published_at: float
) -> None:
    """Let comments come in during the day after a post is published, where that was asked for."""
    for number in range(state.settings.comments_per_post):
        of = f"{post_id}/{number}"
        name, username, text = _COMMENTERS[int(state.random_for(of) * len(_COMMENTERS))]
        expect_comment(
            db,
            post_id,
            (name, username, text),
            published_at + round(_DAY * state.random_for(of + "/time")),
        )


def expect_comment(
    db: sqlite3.Connection,
    post_id: str,
    comment: tuple[str, str, str],
    due_at: float,
    parent_id: str | None = None,
) -> None:
    """Let one comment (name, username, text) come in at a Unix time."""
    db.execute(
        "INSERT INTO arrivals (due_at, post_id, parent_id, author_name, author_username, message) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (due_at, post_id, parent_id, *comment),
    )
