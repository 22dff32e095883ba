"""Start `outreply.pyz`: unpack it on its first start, and run it from the user's cache directory.

Python reads modules inside an archive, but not the other files of packages.
"""

import os
import stat
import sys
from zipimport import zipimporter

# `outreply_cli.subprocesses` starts this program again with it.
OUTREPLY_ARCHIVE = os.path.abspath(sys.argv[0])


def main() -> None:
    """Run the command."""
    if sys.version_info < (3, 11):  # noqa: UP036 - older versions start this file too
        version = ".".join(map(str, sys.version_info[:2]))
        fail(
            f"This program needs Python 3.11 or later; this is {version}",
            "Run it with another Python.",
        )
    sys.path.insert(0, os.path.join(unpack(), "packages"))
    from outreply_cli.__main__ import main as run

    run()


def unpack() -> str:
    """Return the directory with the content of the archive."""
    release = zipimporter(OUTREPLY_ARCHIVE).get_data("release").decode()
    parent = os.path.join(cache_directory(), "outreply")
    directory = os.path.join(parent, release)
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        check_private(parent)
        if not os.path.isdir(directory):
            extract(parent, directory)
        check_private(directory)
    except OSError as error:
        fail(
            f"Cannot unpack outreply to {parent}: {error.strerror or error}",
            "Set XDG_CACHE_HOME to a directory that you can write to.",
        )
    return directory


def check_private(directory: str) -> None:
    """Exit if another user could change the program in a directory."""
    if os.name != "posix":
        return
    found = os.lstat(directory)
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not is_own or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        fail(
            f"Other users can change {directory}, and so the program",
            "Set XDG_CACHE_HOME to a directory that only you can write to.",
        )


def cache_directory() -> str:
    """Return the user's cache directory."""
    default = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/.cache")
    directory = os.environ.get("XDG_CACHE_HOME") or default
    if not os.path.isabs(directory):
        fail(
            f"The cache directory is unknown: {directory!r} is not a full path",
            "Set HOME, or XDG_CACHE_HOME to a full path.",
        )
    return directory


def extract(parent: str, directory: str) -> None:
    """Unpack the archive to a directory that is complete as soon as it exists."""
    from tempfile import TemporaryDirectory
    from zipfile import ZipFile

    with TemporaryDirectory(dir=parent) as temporary, ZipFile(OUTREPLY_ARCHIVE) as archive:
        unpacked = os.path.join(temporary, "unpacked")
        os.mkdir(unpacked, 0o700)
        archive.extractall(unpacked)
        try:
            os.rename(unpacked, directory)
        except OSError:
            # Another start has unpacked it meanwhile.
            if not os.path.isdir(directory):
                raise


def fail(message: str, hint: str) -> None:
    """Exit with an error."""
    sys.exit(f"Error: {message}\n  {hint}")


if __name__ == "__main__":
    main()
