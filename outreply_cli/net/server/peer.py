"""The user at the other end of a connection on this machine."""

import os
from contextlib import suppress
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ROOT = 0


def is_other_user(client_port: int, server_port: int) -> bool:
    """Whether another user of this machine, except root, opened a connection.

    Only Linux can tell; elsewhere, and for a connection that is closed, it is False.
    """
    ends = (f":{client_port:04X}", f":{server_port:04X}")
    for table in _TABLES:
        with suppress(OSError, ValueError, IndexError):
            for line in table.read_text("ascii").splitlines()[1:]:
                columns = line.split()
                if columns[1].endswith(ends[0]) and columns[2].endswith(ends[1]):
                    return int(columns[7]) not in {os.getuid(), _ROOT}
    return False
