"""The configuration file: profiles of accounts, and the current one."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from outreply_cli.errors import ExitCode, InvalidInputError, StorageError
from outreply_cli.storage.private_files import (
    LOCKED_HINT,
    UNUSABLE_HINT,
    make_private_dir,
    read_private,
    write_private,
)

CONFIG_FILE = "config.toml"
DEFAULT_PROFILE = "default"
Storage = Literal["file", "keyring"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# The profile that `emulator start` stores.
EMULATOR_PROFILE = "emulator"
_INVALID_NAME = "invalid profile name {!r}"
_NAME_HINT = "Use up to 64 letters, digits, dots, dashes and underscores."
_LOCK_SECONDS = 10.0
_SETTINGS = ("base_url", "timezone", "storage", "store_url")


class UnknownProfileError(InvalidInputError):
    """The profile is unknown."""

    code = "UNKNOWN_PROFILE"
    exit_code = ExitCode.NOT_FOUND


@dataclass(frozen=True)
class Profile:
    """Settings of an account.

    Attributes:
        name: Value of `--profile`.
        base_url: Base URL of the API; None for the default.
        timezone: Time zone of local times; None for the machine's.
        storage: Storage of the token; None without a token.
        store_url: URL of the team's database; None for the journal of this machine.
    """

    name: str
    base_url: str | None = None
    timezone: str | None = None
    storage: Storage | None = None
    store_url: str | None = None


@dataclass
class Profiles:
    """Content of the configuration file: profiles by name, and the one used by default."""

    path: Path
    current: str = DEFAULT_PROFILE
    stored: dict[str, Profile] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Profiles":
        """Read the configuration file; a missing one is empty.

        Raises:
            StorageError: The file is unreadable or invalid.
        """
        text = read_private(path)
        if text is None:
            return cls(path)
        import tomllib

        try:
            document = tomllib.loads(text)
        # Besides TOMLDecodeError: ValueError for huge numbers, RecursionError for deep nesting.
        except (ValueError, RecursionError) as error:
            raise StorageError(
                f"{path} is not valid TOML: {error}", hint="Fix or delete the file."
            ) from None
        profiles = cls(path, current=_get_text(path, document, "current") or DEFAULT_PROFILE)
        tables = document.get("profiles", {})
        if not isinstance(tables, dict):
            raise _invalid(path, "profiles", "must be a table")
        for name, table in tables.items():
            if not isinstance(table, dict):
                raise _invalid(path, f"profiles.{name}", "must be a table")
            settings: dict[str, Any] = {
                setting: _get_text(path, table, setting) for setting in _SETTINGS
            }
            if settings["storage"] not in {None, "file", "keyring"}:
                raise _invalid(path, f"profiles.{name}.storage", "must be 'file' or 'keyring'")
            profiles.stored[name] = Profile(name, **settings)
        return profiles

    @property
    def name_for_hints(self) -> str:
        """The name of the only stored profile, for hints; NAME unless there is exactly one."""
        return next(iter(self.stored)) if len(self.stored) == 1 else "NAME"

    def get(self, name: str) -> Profile:
        """Return a profile by name; raises UnknownProfileError."""
        if name in self.stored:
            return self.stored[name]
        names = ", ".join(sorted(self.stored))
        if not _NAME.fullmatch(name):
            hint = f"Use one of: {names}." if names else _NAME_HINT
            raise UnknownProfileError(_INVALID_NAME.format(name), hint=hint)
        login = f"outreply auth login --profile {name}"
        if name == EMULATOR_PROFILE:
            login = "outreply emulator start"
        hint = f"Use one of: {names}. To add {name!r}, run: {login}" if names else f"Run: {login}"
        raise UnknownProfileError(f"profile not found: {name!r}", hint=hint)

    @classmethod
    @contextmanager
    def edit(cls, path: Path) -> Iterator["Profiles"]:
        """Lock the configuration file and read it; write it when the block ends.

        Raises:
            StorageError: The file is unreadable, invalid or not writable.
        """
        from outreply_cli.storage.sqlite import file_lock, wrap_storage_errors

        lock = path.with_name(f"{path.name}.lock")
        with ExitStack() as stack:
            with wrap_storage_errors(str(lock), hint=UNUSABLE_HINT, locked_hint=LOCKED_HINT):
                make_private_dir(path.parent)
                stack.enter_context(file_lock(lock, wait=_LOCK_SECONDS))
            profiles = cls.load(path)
            yield profiles
            profiles.save()

    def save(self) -> None:
        """Write the configuration file; raises StorageError. See `edit`."""
        import tomli_w

        tables = {
            profile.name: {
                setting: getattr(profile, setting)
                for setting in _SETTINGS
                if getattr(profile, setting) is not None
            }
            for profile in self.stored.values()
        }
        write_private(self.path, tomli_w.dumps({"current": self.current, "profiles": tables}))


def check_profile_name(name: str) -> str:
    """Return `name` if it is a valid name for a profile; raises InvalidInputError otherwise."""
    if _NAME.fullmatch(name):
        return name
    raise InvalidInputError(_INVALID_NAME.format(name), hint=_NAME_HINT)


def _get_text(path: Path, table: dict[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is None or isinstance(value, str):
        return value
    raise _invalid(path, key, "must be a string")


def _invalid(path: Path, key: str, problem: str) -> StorageError:
    return StorageError(f"{path}: {key} {problem}", hint="Fix or delete the file.")
