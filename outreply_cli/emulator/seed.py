"""The account that an emulator begins with, and the tokens it gives out."""

import json
import secrets
import sqlite3
from collections.abc import Sequence
from datetime import timedelta

from outreply_cli.contract.limits import EVERY_SCOPE
from outreply_cli.emulator.posts import mark_published
from outreply_cli.emulator.state import State

_PAGES = (
    ("Acme Co.", "facebook", "Acme Official", "acme", 8_410),
    ("Acme Co.", "instagram", "Acme Official", "acme", 12_450),
    ("Acme Co.", "linkedin", "Acme Company", "acme-co", 3_975),
    ("Bluebird Coffee", "tiktok", "Bluebird Coffee", "bluebirdcoffee", 20_118),
    ("Bluebird Coffee", "twitter", "Bluebird Coffee", "bluebird", 1_902),
    ("Bluebird Coffee", "youtube", "Bluebird at Home", "bluebirdathome", 640),
)
_BRAND_ZONES = {"Acme Co.": "Europe/Paris", "Bluebird Coffee": "America/New_York"}
_POSTS = (
    ("instagram", 50, "Meet the new workshop 🛠️ Twelve benches, one very old lathe.", 142, 9, (
        ("Jane Doe", "jane.doe", "Love this! When can we visit?", 49),
        ("Mateo Ruiz", "mateo", "That lathe is older than me 😄", 47),
    )),
    ("facebook", 28, "We are open on Saturday until 18:00.", 37, 4, (
        ("Priya Nair", "priya.n", "Is there parking nearby?", 26),
    )),
    ("tiktok", 20, "How we roast 12 kg in 11 minutes ☕", 1_204, 88, (
        ("Sam Lee", "samlee", "What machine is that?", 19),
        ("Ana Souza", "anasouza", "Saudades do Brasil 💚", 15),
    )),
    ("twitter", 6, "Fresh beans, fresh week.", 12, 2, ()),
)  # fmt: skip


def seed_default(state: State) -> None:
    """Fill an empty state: one account, two brands, a page on each platform, a few posts.

    The caller holds the transaction.
    """
    db, now = state.connection, state.clock.now()
    user_id = state.new_id()
    db.execute(
        "INSERT INTO users VALUES (?, 'alex@example.com', 'Alex', 'Doe', 'pro', 420)", (user_id,)
    )
    began = (now - timedelta(days=400)).timestamp()
    brand_ids = {}
    for order, (name, zone) in enumerate(_BRAND_ZONES.items()):
        brand_ids[name] = state.new_id()
        db.execute(
            "INSERT INTO brands VALUES (?, ?, ?, ?, ?, ?)",
            (brand_ids[name], user_id, name, f"https://cdn.example.com/{order}.png", zone,
             began + order),
        )  # fmt: skip
    page_ids = {}
    for order, (brand, platform, name, username, followers) in enumerate(_PAGES):
        page_ids[platform] = state.new_id()
        db.execute(
            "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
            (page_ids[platform], brand_ids[brand], platform, name, username, followers,
             f"https://cdn.example.com/pages/{username}.jpg", began + 10 + order),
        )  # fmt: skip
    for platform, hours_ago, message, likes, shares, comments in _POSTS:
        _add_published(
            state,
            page_ids[platform],
            hours_ago=hours_ago,
            message=message,
            metrics=(likes, shares),
            comments=comments,
        )
    create_token(state, user_id, name="emulator")


def create_token(
    state: State,
    user_id: str,
    *,
    name: str,
    scopes: Sequence[str] = (EVERY_SCOPE,),
    expires_in: timedelta | None = None,
) -> sqlite3.Row:
    """A new live token for `user_id`; the caller holds the transaction."""
    token_id = state.new_id()
    expires_at = None if expires_in is None else (state.clock.now() + expires_in).timestamp()
    state.connection.execute(
        "INSERT INTO tokens (id, user_id, secret, name, scopes, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (token_id, user_id, f"outreply_live_{secrets.token_hex(24)}", name,
         json.dumps(list(scopes)), expires_at),
    )  # fmt: skip
    row: sqlite3.Row = state.connection.execute(
        "SELECT * FROM tokens WHERE id = ?", (token_id,)
    ).fetchone()
    return row


def _add_published(
    state: State,
    page_id: str,
    *,
    hours_ago: int,
    message: str,
    metrics: tuple[int, int],
    comments: Sequence[tuple[str, str, str, int]],
) -> None:
    db, now = state.connection, state.clock.now()
    moment = (now - timedelta(hours=hours_ago)).timestamp()
    post_id = state.new_id()
    db.execute(
        "INSERT INTO posts (id, page_id, status, scheduled_at, created_at, message, media, likes, "
        "shares) VALUES (?, ?, 'scheduled', ?, ?, ?, '[]', ?, ?)",
        (post_id, page_id, moment, moment - 86_400, message, *metrics),
    )
    row = db.execute(
        "SELECT posts.id, pages.platform, pages.username FROM posts "
        "JOIN pages ON pages.id = posts.page_id WHERE posts.id = ?",
        (post_id,),
    ).fetchone()
    mark_published(db, row, state.new_remote_id(), moment)
    for name, username, text, ago in comments:
        db.execute(
            "INSERT INTO comments (id, post_id, author_name, author_username, message, "
            "created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (f"c_{state.new_id()}", post_id, name, username, text,
             (now - timedelta(hours=ago)).timestamp()),
        )  # fmt: skip
