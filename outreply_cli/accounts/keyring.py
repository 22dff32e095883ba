"""The operating system's keyring, with a timeout.

Without a desktop session its service may be missing, locked, or hang.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from outreply_cli.errors import StorageError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

KEYRING_TIMEOUT = 3.0
# Time for the user to answer the keyring's unlock dialog.
_DIALOG_SECONDS = 60.0
_SERVICE = "outreply-cli"
_READ_HINT = (
    "Store the token in a file that only you can read: "
    "outreply auth login --profile {} --insecure-storage, or set OUTREPLY_API_KEY."
)
_WRITE_HINT = (
    "Add --insecure-storage to store the token in a file that only you can read, "
    "or set OUTREPLY_API_KEY."
)
_DELETE_HINT = "The token is still stored. Unlock the keyring, and run the command again."
_T = TypeVar("_T")


class KeyringError(StorageError):
    """The keyring is missing, locked, or does not respond."""

    code = "KEYRING_UNAVAILABLE"


class KeyringStore:
    """Secrets in the keyring by name; every method raises KeyringError with the `hint`.

    The name of a token is that of its profile.

    Args:
        timeout: Seconds to wait for a response.
        hint: The next step if the keyring cannot be used; by default, one about a token.
        on_wait: Called after `timeout`, before another minute in which the user may unlock the
            keyring; None if the user cannot be asked.
    """

    def __init__(
        self,
        timeout: float = KEYRING_TIMEOUT,
        hint: str | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> None:
        self._timeout, self._hint, self._on_wait = timeout, hint, on_wait

    def read(self, name: str) -> str | None:
        """Return the secret called `name`, or None."""
        hint = _READ_HINT.format(name)
        return self._run(lambda backend: backend.get_password(_SERVICE, name), hint)

    def write(self, name: str, secret: str) -> None:
        """Store a secret, and verify that it is readable."""

        def write(backend: "KeyringBackend") -> bool:
            backend.set_password(_SERVICE, name, secret)
            return bool(backend.get_password(_SERVICE, name) == secret)

        if not self._run(write, _WRITE_HINT):
            raise self._unavailable_error("the stored secret could not be read back", _WRITE_HINT)

    def delete(self, name: str) -> None:
        """Delete the secret called `name`, if any."""

        def delete(backend: "KeyringBackend") -> None:
            if backend.get_password(_SERVICE, name) is not None:
                backend.delete_password(_SERVICE, name)

        self._run(delete, _DELETE_HINT)

    def probe(self, name: str) -> str:
        """Read the secret called `name` and return the name of the keyring's backend."""

        def probe(backend: "KeyringBackend") -> str:
            backend.get_password(_SERVICE, name)
            return f"{type(backend).__module__}.{type(backend).__qualname__}"

        return self._run(probe, _READ_HINT.format(name))

    def _run(self, operation: Callable[["KeyringBackend"], _T], hint: str) -> _T:
        results: list[_T] = []
        errors: list[Exception] = []

        def target() -> None:
            try:
                results.append(operation(_backend()))
            except Exception as error:  # noqa: BLE001 - backends raise anything
                errors.append(error)

        # A daemon thread: a hanging backend must not keep the process alive.
        thread = threading.Thread(target=target, name="keyring", daemon=True)
        thread.start()
        thread.join(self._timeout)
        waited = self._timeout
        if thread.is_alive() and self._on_wait is not None:
            self._on_wait()
            thread.join(_DIALOG_SECONDS)
            waited += _DIALOG_SECONDS
        if errors:
            raise self._unavailable_error(_describe(errors[0]), hint)
        if not results:
            raise self._unavailable_error(f"no response within {waited:g} seconds", hint)
        return results[0]

    def _unavailable_error(self, reason: str, hint: str) -> KeyringError:
        message = f"the system keyring cannot be used: {reason}"
        return KeyringError(message, hint=self._hint or hint)


def _backend() -> "KeyringBackend":
    import keyring

    return keyring.get_keyring()


def _describe(error: Exception) -> str:
    # Never the backend's message, which may contain the secret.
    name = type(error).__name__
    if name == "NoKeyringError":
        return "no keyring on this machine"
    return f"its backend failed with {name}"
