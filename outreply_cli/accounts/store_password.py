"""The password of a team's store, in the system keyring."""

import threading

from outreply_cli.accounts.keyring import KeyringStore
from outreply_cli.errors import StorageError

STORE_LOGIN_HINT = "Store it with: outreply store login, or set PGPASSFILE or PGPASSWORD."
# If no keyring is available.
KEYRING_HINT = "Set PGPASSFILE or PGPASSWORD instead."


class StorePassword:
    """The password of one store, read from the keyring once, on first use.

    Attributes:
        known: The password once it was read or entered, for redaction; "" before.
    """

    def __init__(self, keyring: KeyringStore) -> None:
        self.known = ""
        self._keyring = keyring
        self._lock = threading.Lock()
        self._is_read = False
        self._error: StorageError | None = None

    def find(self, address: str) -> str | None:
        """Return the stored password of the store at `address`, or None.

        Raises:
            KeyringError: The keyring cannot be used.
        """
        with self._lock:
            if not self._is_read:
                self._is_read = True
                try:
                    self.known = self._keyring.read(_entry(address)) or ""
                except StorageError as error:
                    self._error = error
        if self._error is not None:
            raise self._error
        return self.known or None

    def save(self, address: str, password: str) -> None:
        """Store the password of the store at `address`; raises KeyringError."""
        self.known = password
        self._keyring.write(_entry(address), password)

    def delete(self, address: str) -> bool:
        """Delete the password of the store at `address`, and return whether there was one.

        Raises:
            KeyringError: The keyring cannot be used.
        """
        if self.find(address) is None:
            return False
        self._keyring.delete(_entry(address))
        return True


def _entry(address: str) -> str:
    # No profile has such a name.
    return f"store {address}"
