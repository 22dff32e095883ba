"""Checks of this machine: Python, the package, and local files."""

import os
import platform
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from outreply_cli import __version__
from outreply_cli.accounts.profiles import CONFIG_FILE, Profiles
from outreply_cli.doctor.context import DoctorContext
from outreply_cli.doctor.result import CheckResult, failure, ok, warning
from outreply_cli.errors import OutReplyError
from outreply_cli.journal.journal import JOURNAL_FILE, journal_health
from outreply_cli.storage.private_files import is_accessible_to_others, is_writable_by_others

_DISTRIBUTION = "outreply-cli"
_END_OF_NAME = re.compile(r"[<>=!~\[ (]")
_MAX_STATE_BYTES = 500 * 1024 * 1024


def check_system(context: DoctorContext) -> Iterator[CheckResult]:
    """Check everything that needs no network, keyring or account."""
    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    yield ok("python", python)
    yield _package()
    yield _config(context)
    yield from _permissions(context)
    yield _journal(context.state_dir)
    yield _state_size(context.state_dir)


def _package() -> CheckResult:
    from importlib import metadata

    detail = f"outreply {__version__}, {Path(__file__).parents[1]}"
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        hint = "Run: pip install outreply-cli"
        return warning("package", f"{detail}, not installed", hint)
    installed = {
        (dist.metadata["Name"] or "").lower().replace("_", "-") for dist in metadata.distributions()
    }
    # A requirement with a marker belongs to an extra.
    required = [_END_OF_NAME.split(item)[0].lower() for item in requirements if ";" not in item]
    missing = [name for name in required if name.replace("_", "-") not in installed]
    if missing:
        return failure(
            "package",
            f"{detail}, without {', '.join(missing)}",
            "Run: pip install --force-reinstall outreply-cli",
        )
    return ok("package", detail)


def _config(context: DoctorContext) -> CheckResult:
    path = context.config_dir / CONFIG_FILE
    try:
        profiles = Profiles.load(path)
    except OutReplyError as error:
        return failure("config", error.message, error.hint or "Fix or delete the file.")
    if not profiles.stored:
        return ok("config", f"no profiles in {path}")
    names = ", ".join(sorted(profiles.stored))
    if profiles.current not in profiles.stored and context.profile is None:
        return warning(
            "config",
            f"{path}: the current profile {profiles.current!r} is not stored; stored: {names}",
            f"Run: outreply auth switch {profiles.name_for_hints}",
        )
    count = f"{len(profiles.stored)} {'profile' if len(profiles.stored) == 1 else 'profiles'}"
    return ok("config", f"{path}: {count} ({names}), current: {profiles.current}")


def _permissions(context: DoctorContext) -> Iterator[CheckResult]:
    directories = (context.config_dir, context.state_dir)
    problems = [result for directory in directories for result in _directory_problems(directory)]
    problems += [
        failure(
            "permissions",
            f"other users can read the token in {path}",
            f"Run: chmod 600 '{path}'; if other users use this machine, rotate the token.",
        )
        for path in sorted((context.config_dir / "tokens").glob("*"))
        if is_accessible_to_others(path)
    ]
    files = (context.config_dir / CONFIG_FILE, *sorted(context.state_dir.glob("*.db")))
    problems += [
        warning("permissions", f"other users can open {path}", f"Run: chmod 600 '{path}'")
        for path in files
        if is_accessible_to_others(path)
    ]
    yield from problems or [
        ok("permissions", f"only you can write to {context.config_dir} and {context.state_dir}")
    ]


def _directory_problems(directory: Path) -> Iterator[CheckResult]:
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield failure(
            "permissions",
            f"{directory} is not writable",
            "Fix its permissions, or set OUTREPLY_CONFIG_DIR and OUTREPLY_STATE_DIR to other "
            "directories.",
        )
    elif nearest == directory and is_writable_by_others(directory):
        yield failure(
            "permissions",
            f"other users can write to {directory}",
            f"Run: chmod go-w '{directory}'; then check its files for changes.",
        )


def _journal(state_dir: Path) -> CheckResult:
    path = state_dir / JOURNAL_FILE
    if not path.exists():
        return ok("journal", "no journal yet")
    try:
        health = journal_health(path)
    except sqlite3.OperationalError as error:
        hint = "Try again when other outreply commands have finished."
        return warning("journal", f"cannot open {path}: {error}", hint)
    except sqlite3.Error as error:
        return failure(
            "journal",
            f"cannot read {path}: {error}",
            "Move the file away as a backup, then pair calendars with their scheduled posts: "
            "outreply bulk reconcile FILE",
        )
    entries = f"{health.entries} {'entry' if health.entries == 1 else 'entries'}"
    if health.unsettled:
        return warning(
            "journal",
            f"intact, {entries}, {health.unsettled} with an unknown outcome",
            "List them with: outreply store status",
        )
    return ok("journal", f"intact, {entries}")


def _state_size(state_dir: Path) -> CheckResult:
    size = count = 0
    for folder, _, names in os.walk(state_dir):
        for name in names:
            try:
                size += (Path(folder) / name).stat().st_size
            except OSError:
                continue
            count += 1
    detail = f"{size / 1024 / 1024:.1f} MB in {count} files, {state_dir}"
    if size > _MAX_STATE_BYTES:
        return warning("state", detail, "Delete large files there, such as emulator uploads.")
    return ok("state", detail)
