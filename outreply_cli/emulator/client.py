"""Steering an emulator that runs in another process, and finding it again."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from outreply_cli.emulator.errors import EmulatorError, EmulatorNotFoundError, SeedError
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.storage.private_files import read_private, write_private

# Where the emulator is that `emulator exec` started, for the command that it runs.
STATE_VARIABLE = "OUTREPLY_EMULATOR_STATE"
_FILE = "running.json"
_SECONDS = 10.0
_LONG_SECONDS = 3600.0
# Each delivery that falls due meanwhile may take as long as its receiver likes; each file its own.
_LONG = frozenset({"advance", "seed", "snapshot"})
_INVALID = frozenset({InvalidInputError.code, SeedError.code, "INVALID_FIELD", "INVALID_DATE"})


@dataclass(frozen=True)
class EmulatorHandle:
    """An emulator that was started, as its state directory remembers it.

    Attributes:
        control_key: What steering it asks for.
    """

    pid: int
    host: str
    port: int
    base_url: str
    control_key: str

    def save(self, directory: Path) -> None:
        """Leave word in the state directory; raises StorageError."""
        write_private(directory / _FILE, json.dumps(asdict(self)) + "\n")

    def request(self, verb: str, **asked: Any) -> dict[str, Any]:
        """Have the emulator carry out a control verb.

        Raises:
            EmulatorError: It does not answer, or refuses.
            NotThereError: It has no such post, webhook or account.
            InvalidInputError: What was asked can't be meant.
        """
        seconds = _LONG_SECONDS if verb in _LONG else _SECONDS
        import http.client

        connection = http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        headers = {"X-Emulator-Key": self.control_key, "Content-Type": "application/json"}
        try:
            connection.request("POST", f"/_emulator/{verb}", json.dumps(asked), headers)
            response = connection.getresponse()
            body = json.loads(response.read())
        except TimeoutError:
            raise EmulatorError(f"the emulator did not answer within {seconds:.0f} s") from None
        except (OSError, http.client.HTTPException, ValueError):
            raise not_running() from None
        finally:
            connection.close()
        if response.status >= 400 or not isinstance(body, Mapping):
            raise _refusal(body, response.status)
        return dict(body)

    def answers(self) -> bool:
        """Whether it is there, and is the one that left word."""
        try:
            return self.request("status").get("pid") == self.pid
        except EmulatorError:
            return False


def find_running(directory: Path) -> EmulatorHandle | None:
    """The emulator that runs with its state in `directory`, or None."""
    text = read_private(directory / _FILE)
    if text is None:
        return None
    try:
        running = EmulatorHandle(**json.loads(text))
    except (ValueError, TypeError):
        return None
    return running if running.answers() else None


def forget_running(directory: Path) -> None:
    """Remove the word that an emulator of this process left."""
    text = read_private(directory / _FILE)
    if text is not None and f'"pid": {os.getpid()},' in text:
        (directory / _FILE).unlink(missing_ok=True)


def _refusal(body: Mapping[str, Any], status: int) -> OutReplyError:
    says = str(body.get("error") or f"it answered {status}")
    if body.get("code") in _INVALID:
        return InvalidInputError(says, hint=body.get("hint"))
    return (EmulatorNotFoundError if status == 404 else EmulatorError)(says, hint=body.get("hint"))


def not_running() -> EmulatorError:
    """What is said when there is no emulator to steer."""
    error = EmulatorError("no emulator is running", hint="Start one with: outreply emulator start")
    error.code = "EMULATOR_NOT_RUNNING"
    return error
