"""A keyring in a file below HOME, selected by PYTHON_KEYRING_BACKEND."""

import json
from pathlib import Path

from keyring.backend import KeyringBackend


class FileKeyring(KeyringBackend):
    # Never chosen by itself: each backend that is imported is a candidate.
    priority = -1.0

    @property
    def _path(self) -> Path:
        return Path.home() / "keyring.json"

    def _read(self) -> dict[str, str]:
        return dict(json.loads(self._path.read_text())) if self._path.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._path.write_text(json.dumps({**self._read(), f"{service}/{username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        passwords = self._read()
        passwords.pop(f"{service}/{username}")
        self._path.write_text(json.dumps(passwords))
