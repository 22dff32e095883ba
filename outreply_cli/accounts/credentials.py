"""Where a token comes from: the environment, a file of the owner's alone, or the keyring."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from outreply_cli.accounts.profiles import Profile, Storage
from outreply_cli.env import TOKEN_VARIABLES
from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.spec.token import Token
from outreply_cli.storage.private_files import read_secret, write_private

_IN_KEYRING = "the system's keyring"


@dataclass(frozen=True)
class Credential:
    """A token and where it was found.

    Attributes:
        source: `environment`, `file` or `keyring`.
        place: The variable, the path or the keyring, for people.
    """

    token: Token
    source: str
    place: str


class SecretStore(Protocol):
    """A keyring, or a test's stand-in for one."""

    def read(self, profile: str) -> str | None:
        """The token of `profile`, or None."""

    def write(self, profile: str, token: str) -> None:
        """Keep `token` for `profile`."""

    def delete(self, profile: str) -> None:
        """Forget the token of `profile`."""


class Credentials:
    """Finds and keeps tokens.

    Args:
        environ: The environment's variables.
        config_dir: Where token files live.
        keyring: What keeps tokens for profiles stored there; made on first use.
    """

    def __init__(
        self, environ: Mapping[str, str], config_dir: Path, keyring: SecretStore | None = None
    ) -> None:
        self._environ = environ
        self._dir = config_dir / "tokens"
        self._given_keyring = keyring

    def from_environment(self) -> Credential | None:
        """The token that a variable carries; raises InvalidInputError for one that can't be."""
        for variable in TOKEN_VARIABLES:
            text = self._environ.get(variable)
            if text:
                try:
                    return Credential(Token(text), "environment", variable)
                except InvalidInputError as problem:
                    raise InvalidInputError(
                        f"{variable}: {problem.message}", hint=problem.hint
                    ) from None
        return None

    def stored(self, profile: Profile) -> Credential | None:
        """The token kept for `profile`, or None.

        Raises:
            StorageError: Its store can't be read, or others can read its file.
        """
        path = self._path_of(profile.name)
        text = read_secret(path)
        if text:
            return Credential(_kept(text, str(path)), "file", str(path))
        if profile.storage == "keyring":
            text = self._keyring.read(profile.name)
            if text:
                return Credential(_kept(text, _IN_KEYRING), "keyring", _IN_KEYRING)
        return None

    def save(self, profile: str, token: Token, storage: Storage) -> str:
        """Keep `token` for `profile` in `storage`, and nowhere else; tells the place, for people.

        Raises:
            StorageError: It can't be kept there.
        """
        path = self._path_of(profile)
        if storage == "keyring":
            self._keyring.write(profile, token.reveal())
            path.unlink(missing_ok=True)
            return _IN_KEYRING
        write_private(path, token.reveal() + "\n")
        return str(path)

    def delete(self, profile: Profile) -> None:
        """Delete what is kept for `profile`; raises StorageError."""
        path = self._path_of(profile.name)
        try:
            path.unlink(missing_ok=True)
        except OSError as failure:
            raise StorageError(f"{path} can't be deleted: {failure.strerror}") from None
        if profile.storage == "keyring":
            self._keyring.delete(profile.name)

    def _path_of(self, profile: str) -> Path:
        return self._dir / profile

    @property
    def _keyring(self) -> SecretStore:
        if self._given_keyring is None:
            from outreply_cli.accounts.keyring import KeyringStore

            self._given_keyring = KeyringStore()
        return self._given_keyring


def _kept(text: str, place: str) -> Token:
    try:
        return Token(text)
    except InvalidInputError as problem:
        raise StorageError(
            f"{place} holds no token: {problem.message}", hint="Sign in again: outreply auth login"
        ) from None
