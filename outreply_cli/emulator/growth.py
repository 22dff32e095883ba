"""Likes, shares and followers that change with the clock, for rehearsals of analytics."""

import math
import sqlite3
from datetime import datetime

from outreply_cli.emulator.state import State

_DAY_SECONDS = 86_400.0
# Most engagement of a post comes in its first days.
_SLOWDOWN_DAYS = 2.0
_MAX_LIKES = 200
_MAX_SHARES = 20


def get_likes_and_shares(state: State, row: sqlite3.Row, now: datetime) -> tuple[int, int]:
    """The likes and shares of the published post `row` at a time."""
    likes, shares = row["likes"], row["shares"]
    if state.config.has_growth:
        days = max(0.0, (now.timestamp() - row["published_at"]) / _DAY_SECONDS)
        share = state.random_for(f"{row['id']}/growth") * (1 - math.exp(-days / _SLOWDOWN_DAYS))
        likes, shares = likes + int(_MAX_LIKES * share), shares + int(_MAX_SHARES * share)
    return likes, shares


def get_followers(state: State, row: sqlite3.Row, now: datetime) -> int:
    """The followers of the page `row` at a time; some days have fewer than the one before."""
    followers: int = row["followers"]
    if state.config.has_growth:
        days = (now.timestamp() - row["created_at"]) / _DAY_SECONDS
        drift = 0.001 * days * state.random_for(f"{row['id']}/growth")
        followers += int(followers * (drift + 0.005 * math.sin(days)))
    return max(0, followers)
