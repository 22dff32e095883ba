"""Tokens: from the environment, a private file, or the keyring."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from outreply_cli.accounts.keyring import KeyringStore
from outreply_cli.accounts.profiles import Profile, Storage
from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.spec.token import Token
from outreply_cli.storage.private_files import read_secret, write_private

_KEYRING = "the system keyring"


@dataclass(frozen=True, eq=False, repr=False)
class Credential:
    """A token and its origin.

    Attributes:
        source: `environment`, `file` or `keyring`.
        location: Name of the variable, path of the file, or name of the keyring.
    """

    token: Token
    source: str
    location: str


class Credentials:
    """Finds and stores tokens: in `config_dir`, or in the system keyring by default."""

    def __init__(
        self, environ: Mapping[str, str], config_dir: Path, keyring: KeyringStore | None = None
    ) -> None:
        self._environ = environ
        self._dir = config_dir / "tokens"
        self._keyring = keyring or KeyringStore()

    def from_variable(self, variable: str | None) -> Credential | None:
        """Return the token in a variable, if any; raises InvalidInputError if it is malformed."""
        if variable is None:
            return None
        try:
            return Credential(Token(self._environ[variable]), "environment", variable)
        except InvalidInputError as error:
            raise error.replace(message=f"{variable}: {error.message}") from None

    def load(self, profile: Profile) -> Credential | None:
        """Return the stored token of `profile`, or None.

        Raises:
            StorageError: The store is unreadable, or other users can read the token's file.
        """
        path = self._dir / profile.name
        text = read_secret(path)
        if text:
            return Credential(_parse_stored(text, profile, str(path)), "file", str(path))
        if profile.storage == "keyring":
            text = self._keyring.read(profile.name)
            if text:
                return Credential(_parse_stored(text, profile, _KEYRING), "keyring", _KEYRING)
        return None

    def save(self, profile: str, token: Token, storage: Storage) -> str:
        """Store the token of a profile, and return its location; the keyring replaces the file.

        Raises:
            StorageError: The token cannot be stored there.
        """
        path = self._dir / profile
        if storage == "keyring":
            self._keyring.write(profile, token.reveal())
            path.unlink(missing_ok=True)
            return _KEYRING
        write_private(path, token.reveal() + "\n")
        return str(path)

    def delete(self, profile: Profile) -> None:
        """Delete the stored token of `profile`; raises StorageError."""
        path = self._dir / profile.name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{path} cannot be deleted: {error.strerror}") from None
        if profile.storage == "keyring":
            self.delete_from_keyring(profile.name)

    def delete_from_keyring(self, profile: str) -> None:
        """Delete a profile's token in the keyring, if any; raises KeyringError."""
        self._keyring.delete(profile)


def _parse_stored(text: str, profile: Profile, location: str) -> Token:
    try:
        return Token(text)
    except InvalidInputError as error:
        raise StorageError(
            f"invalid token in {location}: {error.message}",
            hint=f"Sign in again: outreply auth login --profile {profile.name}",
        ) from None
