"""The client of the admin API, and the file that says where an emulator runs."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from outreply_cli.emulator.errors import (
    EmulatorError,
    EmulatorNotFoundError,
    EmulatorNotRunningError,
    EmulatorUnresponsiveError,
    SeedError,
)
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.storage.private_files import read_private, write_private

# The state directory of the emulator that `emulator exec` started, for the command it runs.
STATE_VARIABLE = "OUTREPLY_EMULATOR_STATE"
_FILE = "running.json"
_TIMEOUT_SECONDS = 10.0
_LONG_TIMEOUT_SECONDS = 3600.0
# `advance` waits for every receiver of a delivery, the others for large files.
_SLOW_OPERATIONS = frozenset({"advance", "seed", "snapshot"})
_INVALID = frozenset({InvalidInputError.code, SeedError.code, "INVALID_FIELD", "INVALID_DATE"})


@dataclass(frozen=True)
class EmulatorHandle:
    """The address and process of a running emulator, stored in its state directory.

    Attributes:
        admin_key: The key of the admin API.
    """

    pid: int
    host: str
    port: int
    base_url: str
    admin_key: str

    def save(self, directory: Path) -> None:
        """Write the handle to the state directory; raises StorageError."""
        write_private(directory / _FILE, json.dumps(asdict(self)) + "\n")

    def request(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation of the admin API.

        Raises:
            EmulatorError: The emulator does not respond, or refuses the request.
            EmulatorNotFoundError: A named object does not exist.
            InvalidInputError: A parameter is invalid.
        """
        import http.client

        seconds = _LONG_TIMEOUT_SECONDS if operation in _SLOW_OPERATIONS else _TIMEOUT_SECONDS
        connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        headers = {"X-Emulator-Key": self.admin_key, "Content-Type": "application/json"}
        try:
            connection.request("POST", f"/_emulator/{operation}", json.dumps(params), headers)
            response = connection.getresponse()
            body = json.loads(response.read())
        except TimeoutError:
            raise EmulatorUnresponsiveError(self.pid, seconds) from None
        except (OSError, http.client.HTTPException, ValueError):
            raise EmulatorNotRunningError from None
        finally:
            connection.close()
        if not isinstance(body, dict):
            raise EmulatorNotRunningError
        if response.status >= 400:
            raise _to_error(body, response.status)
        return body


def find_running(directory: Path) -> EmulatorHandle | None:
    """The running emulator whose state is in `directory`, or None.

    Raises:
        EmulatorUnresponsiveError: The emulator does not respond.
    """
    text = read_private(directory / _FILE)
    if text is None:
        return None
    try:
        handle = EmulatorHandle(**json.loads(text))
        # Another emulator may listen on its port.
        return handle if handle.request("status").get("pid") == handle.pid else None
    except EmulatorUnresponsiveError:
        raise
    except (ValueError, TypeError, EmulatorError):
        return None


def delete_own_handle(directory: Path) -> None:
    """Remove the handle of an emulator of this process."""
    text = read_private(directory / _FILE)
    if text is not None and f'"pid": {os.getpid()},' in text:
        delete_handle(directory)


def delete_handle(directory: Path) -> None:
    """Delete the handle in a state directory; raises OSError."""
    (directory / _FILE).unlink(missing_ok=True)


def _to_error(body: Mapping[str, Any], status: int) -> OutReplyError:
    message = str(body.get("error") or f"the emulator responded with HTTP {status}")
    kind: type[OutReplyError] = EmulatorNotFoundError if status == 404 else EmulatorError
    if body.get("code") in _INVALID:
        kind = InvalidInputError
    return kind(message, hint=body.get("hint"))
