"""The config file: which accounts there are, and which one is used when none is named."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.storage.private_files import read_private, write_private

CONFIG_FILE = "config.toml"
DEFAULT_PROFILE = "default"
Storage = Literal["file", "keyring"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SETTINGS = ("base_url", "timezone", "storage")


@dataclass(frozen=True)
class Profile:
    """One stored account.

    Attributes:
        name: What `--profile` takes.
        base_url: Where its API lives; None for the default.
        timezone: What its local times are read in; None for the machine's.
        storage: Where its token is kept; None before it has one.
    """

    name: str
    base_url: str | None = None
    timezone: str | None = None
    storage: Storage | None = None


@dataclass
class Profiles:
    """What the config file holds.

    Attributes:
        current: The profile used when none is named.
        stored: By name.
    """

    path: Path
    current: str = DEFAULT_PROFILE
    stored: dict[str, Profile] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Profiles":
        """Read the config file at `path`; one that is not there holds nothing.

        Raises:
            StorageError: It can't be read, or is not what we write.
        """
        text = read_private(path)
        if text is None:
            return cls(path)
        import tomllib

        try:
            read = tomllib.loads(text)
        # Of its own errors it has one; numbers without end and nesting without end are Python's.
        except (ValueError, RecursionError) as problem:
            raise StorageError(
                f"{path} is not valid TOML: {problem}", hint="Mend or delete the file."
            ) from None
        profiles = cls(path, current=_text(path, read, "current") or DEFAULT_PROFILE)
        tables = read.get("profiles", {})
        if not isinstance(tables, dict):
            raise _misshapen(path, "profiles", "must be a table")
        for name, table in tables.items():
            if not isinstance(table, dict):
                raise _misshapen(path, f"profiles.{name}", "must be a table")
            settings: dict[str, Any] = {
                setting: _text(path, table, setting) for setting in _SETTINGS
            }
            if settings["storage"] not in {None, "file", "keyring"}:
                raise _misshapen(path, f"profiles.{name}.storage", "must be 'file' or 'keyring'")
            profiles.stored[name] = Profile(name, **settings)
        return profiles

    def named(self, name: str) -> Profile:
        """The profile called `name`; raises InvalidInputError when there is none."""
        if name in self.stored:
            return self.stored[name]
        known = ", ".join(sorted(self.stored)) or "none"
        raise InvalidInputError(
            f"there is no profile {name!r} (there is: {known})",
            hint=f"Sign in first: outreply auth login --profile {name}",
        )

    def save(self) -> None:
        """Write the config file; raises StorageError."""
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
    """`name`, when a profile may be called so; raises InvalidInputError."""
    if _NAME.fullmatch(name):
        return name
    raise InvalidInputError(
        f"{name!r} can't be a profile's name",
        hint="Use up to 64 letters, digits, dots, dashes and underscores.",
    )


def _text(path: Path, table: dict[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is None or isinstance(value, str):
        return value
    raise _misshapen(path, key, "must be text")


def _misshapen(path: Path, key: str, problem: str) -> StorageError:
    return StorageError(f"{path}: {key} {problem}", hint="Mend or delete the file.")
