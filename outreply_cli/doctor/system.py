"""This machine: Python, the package, our files and the environment."""

import os
import platform
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from outreply_cli import __version__
from outreply_cli.accounts.profiles import CONFIG_FILE, Profiles
from outreply_cli.doctor.result import CheckResult, DoctorContext, failure, ok, warning
from outreply_cli.errors import OutReplyError
from outreply_cli.journal.journal import JOURNAL_FILE, journal_health
from outreply_cli.storage.private_files import is_accessible_to_others, is_writable_by_others

_OLDEST_PYTHON = (3, 11)
_DISTRIBUTION = "outreply-cli"
_STATE_BYTES_MANY = 500 * 1024 * 1024


def check_system(patient: DoctorContext) -> Iterator[CheckResult]:
    """Everything that needs no network, no keyring and no account."""
    yield _python()
    yield _package()
    yield _config(patient)
    yield from _permissions(patient)
    yield from _databases(patient.state_dir)
    yield _state_size(patient.state_dir)


def _python() -> CheckResult:
    found = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return failure("python", found, "Install Python 3.11 or newer.")
    return ok("python", found)


def _package() -> CheckResult:
    from importlib import metadata

    place = Path(__file__).parents[1]
    found = f"outreply {__version__}, {place}"
    try:
        needed = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return warning("package", f"{found}, not installed", "Install it: pip install outreply-cli")
    installed = {
        (dist.metadata["Name"] or "").lower().replace("_", "-") for dist in metadata.distributions()
    }
    missing = [name for name in map(_name_of, needed) if name and name not in installed]
    if missing:
        return failure(
            "package",
            f"{found}, without {', '.join(missing)}",
            "Install it again: pip install --force-reinstall outreply-cli",
        )
    return ok("package", found)


def _name_of(requirement: str) -> str | None:
    """`typer` in `typer<0.29,>=0.26`; None for what an extra needs."""
    name, _, marker = requirement.partition(";")
    if marker:
        return None
    end = next((i for i, letter in enumerate(name) if letter in "<>=!~[ ("), len(name))
    return name[:end].lower().replace("_", "-")


def _config(patient: DoctorContext) -> CheckResult:
    path = patient.config_dir / CONFIG_FILE
    try:
        profiles = Profiles.load(path)
    except OutReplyError as problem:
        return failure("config", problem.message, problem.hint or "Mend or delete the file.")
    if not profiles.stored:
        return ok("config", f"no profile is stored in {path}")
    names = ", ".join(sorted(profiles.stored))
    if profiles.current not in profiles.stored:
        return warning(
            "config",
            f"{path}: the current profile {profiles.current!r} is not one of {names}",
            f"Choose one: outreply auth switch {min(profiles.stored)}",
        )
    return ok("config", f"{path}: {names}; current: {profiles.current}")


def _permissions(patient: DoctorContext) -> Iterator[CheckResult]:
    tokens = patient.config_dir / "tokens"
    problems = list(_unwritable(patient.config_dir)) + list(_unwritable(patient.state_dir))
    for path in sorted(tokens.glob("*")) if tokens.is_dir() else []:
        if is_accessible_to_others(path):
            problems.append(
                failure(
                    "permissions",
                    f"others on this machine can read the token in {path}",
                    f"Run: chmod 600 '{path}'; if others use this machine, rotate the token.",
                )
            )
    config = patient.config_dir / CONFIG_FILE
    for path in (config, *sorted(patient.state_dir.glob("*.db"))):
        if is_accessible_to_others(path):
            problems.append(
                warning("permissions", f"others can open {path}", f"Run: chmod 600 '{path}'")
            )
    yield from problems or [ok("permissions", f"{patient.config_dir} and {patient.state_dir}")]


def _unwritable(directory: Path) -> Iterator[CheckResult]:
    nearest = next(place for place in (directory, *directory.parents) if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield failure(
            "permissions",
            f"{directory} can't be written",
            "Mend its permissions, or choose other places with OUTREPLY_CONFIG_DIR and "
            "OUTREPLY_STATE_DIR.",
        )
    elif nearest == directory and is_writable_by_others(directory):
        yield failure(
            "permissions",
            f"others on this machine can write in {directory}",
            f"Run: chmod go-w '{directory}'; if somebody did, look at what stands in it.",
        )


def _databases(state_dir: Path) -> Iterator[CheckResult]:
    journal = state_dir / JOURNAL_FILE
    if not journal.exists():
        yield ok("journal", "there is none yet")
        return
    try:
        health = journal_health(journal)
    except sqlite3.OperationalError as problem:
        yield warning("journal", f"{journal}: {problem}", "Try again; another program has it.")
    except sqlite3.Error as problem:
        yield failure(
            "journal",
            f"{journal} can't be used: {problem}",
            "Move it away and keep it. Calendars then take over the posts that are scheduled "
            "with: outreply bulk schedule FILE --adopt",
        )
    else:
        told = f"whole, {health.entries} entries"
        if health.unsettled:
            yield warning(
                "journal",
                f"{told}; of {health.unsettled} only the server knows the outcome",
                "The next posts or bulk command of that account settles them.",
            )
        else:
            yield ok("journal", told)


def _state_size(state_dir: Path) -> CheckResult:
    total = count = 0
    for folder, _, names in os.walk(state_dir):
        for name in names:
            try:
                total += (Path(folder) / name).stat().st_size
            except OSError:
                continue
            count += 1
    found = f"{total / 1024 / 1024:.1f} MB in {count} files, {state_dir}"
    if total > _STATE_BYTES_MANY:
        return warning("state", found, "See what is large there; emulators keep their uploads.")
    return ok("state", found)
