"""Requests of other users of this machine."""

import os
import subprocess
import sys

import pytest

OTHER_USER = 65534
needs_other_user = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.getuid() != 0, reason="needs root on Linux"
)
# Imported first: the interpreter may be out of the other user's reach. Closed connections of the
# same ports remain for a minute, and belong to root.
_SCRIPT = """
import encodings.idna, http.client, os, socket, sys
user, address, port, path, closed = sys.argv[1:]
os.setuid(int(user))
source = ("", 0)
if int(closed):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        source = ("127.0.0.99", sock.getsockname()[1])
for number in range(int(closed)):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((f"127.0.0.{number + 2}", source[1]))
        sock.connect((address, int(port)))
connection = http.client.HTTPConnection(
    address, int(port), timeout=30, source_address=source if int(closed) else None
)
connection.request("GET", path)
response = connection.getresponse()
print(response.status)
print(response.read().decode())
"""


def fetch_as(user: int, address: str, port: int, path: str, *, closed: int = 0) -> str:
    """Return the status and the page that a user gets, after `closed` closed connections."""
    words = [sys.executable, "-c", _SCRIPT, str(user), address, str(port), path, str(closed)]
    return subprocess.run(words, capture_output=True, text=True, check=True, env={}).stdout
