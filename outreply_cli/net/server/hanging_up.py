"""Ending a connection without an answer, as a broken server does."""

from typing import NoReturn

from waitress.channel import ClientDisconnected


def drop_connection() -> NoReturn:
    """Close the connection of the request that is being answered; nothing is sent."""
    # The server takes this for a client that has gone, and says nothing to it.
    raise ClientDisconnected


def is_dropped(failure: BaseException) -> bool:
    """Whether `failure` is what `drop_connection` ends a connection by, and is to reach the server."""
    return isinstance(failure, ClientDisconnected)
