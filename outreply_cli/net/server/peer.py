"""The user at the other end of a connection on this machine."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ROOT = 0
_TIME_WAIT = "06"


def is_other_user(environ: Mapping[str, Any]) -> bool:
    """Whether another user of this machine, except root, may have sent a WSGI request.

    Only Linux reports the user; elsewhere the result is False. A connection that Linux does not
    list is one that its client has closed.
    """
    ends = tuple(f":{int(environ.get(name, 0)):04X}" for name in ("REMOTE_PORT", "SERVER_PORT"))
    sockets = [*_list_sockets()]
    # Connections from other addresses of this machine may have the same ports: all are compared.
    users = {user for client, server, user in sockets if (client[-5:], server[-5:]) == ends}
    return bool(sockets) and (not users or not users <= {os.getuid(), _ROOT})


def _list_sockets() -> Iterator[tuple[str, str, int]]:
    """The local address, the remote address and the user of each socket that a process holds.

    The kernel lists sockets that no process holds as root's.
    """
    for table in _TABLES:
        with suppress(OSError, ValueError, IndexError):
            for line in table.read_text("ascii").splitlines()[1:]:
                columns = line.split()
                if columns[3] != _TIME_WAIT and columns[9] != "0":
                    yield columns[1], columns[2], int(columns[7])
