"""The operating system's keyring, given a few seconds and then left alone.

Without a desktop session its service can be absent, locked, or never answer at all.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from outreply_cli.errors import StorageError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

KEYRING_SECONDS = 3.0
_SERVICE = "outreply-cli"
_FOR_TOKENS = (
    "Store the token in a file that only you can read: "
    "outreply auth login --insecure-storage, or set OUTREPLY_API_KEY."
)
_T = TypeVar("_T")


class KeyringError(StorageError):
    """The keyring is absent, locked, or does not answer."""

    code = "KEYRING_UNAVAILABLE"


class KeyringStore:
    """Tokens in the keyring, one for each profile.

    Every method raises KeyringError when the keyring can't do it within `seconds`; its hint is
    `hint`.
    """

    def __init__(self, seconds: float = KEYRING_SECONDS, hint: str = _FOR_TOKENS) -> None:
        self._seconds, self._hint = seconds, hint

    def read(self, profile: str) -> str | None:
        """The token of `profile`, or None."""
        return self._within_time(lambda: _backend().get_password(_SERVICE, profile))

    def write(self, profile: str, token: str) -> None:
        """Keep `token` for `profile`, and see that it can be read again."""

        def keep() -> bool:
            backend = _backend()
            backend.set_password(_SERVICE, profile, token)
            return bool(backend.get_password(_SERVICE, profile) == token)

        if not self._within_time(keep):
            raise self._unavailable("it did not keep what it was given")

    def delete(self, profile: str) -> None:
        """Forget the token of `profile`; nothing happens when there is none."""

        def forget() -> None:
            backend = _backend()
            if backend.get_password(_SERVICE, profile) is not None:
                backend.delete_password(_SERVICE, profile)

        self._within_time(forget)

    def probe(self, profile: str) -> str:
        """The name of what keeps the tokens, once it has answered for `profile`."""

        def ask() -> str:
            backend = _backend()
            backend.get_password(_SERVICE, profile)
            return f"{type(backend).__module__}.{type(backend).__qualname__}"

        return self._within_time(ask)

    def _within_time(self, work: Callable[[], _T]) -> _T:
        results: list[_T] = []
        failures: list[Exception] = []

        def attempt() -> None:
            try:
                results.append(work())
            except Exception as failure:  # noqa: BLE001 - backends raise what they like
                failures.append(failure)

        # A daemon thread: one that hangs for ever must not keep the program from ending.
        thread = threading.Thread(target=attempt, name="keyring", daemon=True)
        thread.start()
        thread.join(self._seconds)
        if failures:
            raise self._unavailable(_reason(failures[0]))
        if not results:
            raise self._unavailable(f"it did not answer within {self._seconds:g} seconds")
        return results[0]

    def _unavailable(self, reason: str) -> KeyringError:
        return KeyringError(f"the system's keyring can't be used: {reason}", hint=self._hint)


def _backend() -> "KeyringBackend":
    import keyring

    return keyring.get_keyring()


def _reason(failure: Exception) -> str:
    # Only our own words: a backend's message may quote what it was given.
    kind = type(failure).__name__
    return "there is none on this machine" if kind == "NoKeyringError" else f"it failed ({kind})"
