"""The files to upload: named files, directories and stdin."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sizes import format_size
from outreply_cli.paths import resolve_unicode_name, to_path

STDIN = "-"
_CHUNK_BYTES = 1024 * 1024
# In a directory, a file with another extension is skipped if it is not media.
_MEDIA_EXTENSIONS = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".svg", ".svgz",
        ".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff", ".psd", ".raw",
        ".mp4", ".m4v", ".mov", ".qt", ".webm", ".avi", ".mkv", ".mpg", ".mpeg", ".wmv", ".flv",
        ".3gp", ".ts",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A file that may be uploaded.

    A file that must be media is an error if it is not; other files of a directory are skipped.
    """

    name: str
    path: Path
    must_be_media: bool = True


def find_candidates(names: Sequence[str], *, recursive: bool) -> list[Candidate]:
    """Return the files of `names`, each path once, in order.

    A directory means the files in it except hidden ones; with `recursive`, also those in its
    subdirectories.
    Links to directories are not followed.
    """
    candidates: dict[str, Candidate] = {}
    for name in names:
        path = resolve_unicode_name(to_path(name))
        files = _list_files(path, recursive=recursive) if _is_dir(path) else [Candidate(name, path)]
        for file in files:
            candidates.setdefault(str(file.path), file)
    return list(candidates.values())


def _list_files(directory: Path, *, recursive: bool) -> Iterator[Candidate]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: os.fsencode(entry.name))
    except OSError:
        # Inspecting it as a file reports why it cannot be read.
        yield Candidate(str(directory), directory)
        return
    subdirectories = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            subdirectories.append(Path(entry.path))
        elif not (entry.is_symlink() and _is_dir(Path(entry.path))):
            explicit = Path(entry.name).suffix.lower() in _MEDIA_EXTENSIONS
            yield Candidate(entry.path, Path(entry.path), explicit)
    for subdirectory in subdirectories if recursive else ():
        yield from _list_files(subdirectory, recursive=True)


def _is_dir(path: Path) -> bool:
    # Path.is_dir raises for invalid names.
    return os.path.isdir(path)  # noqa: PTH112


@contextmanager
def spool_stdin(stream: BinaryIO, max_bytes: int | None) -> Iterator[Path]:
    """Copy `stream` to a temporary file that only its owner can read, and yield its path.

    Raises:
        InvalidInputError: The input is larger than `max_bytes`, or cannot be stored.
    """
    with tempfile.TemporaryDirectory(prefix="outreply-") as directory:
        path = Path(directory) / "stdin"
        try:
            with path.open("xb") as file:
                while chunk := stream.read(_CHUNK_BYTES):
                    file.write(chunk)
                    if max_bytes is not None and file.tell() > max_bytes:
                        raise InvalidInputError(
                            f"stdin is larger than the {format_size(max_bytes)} limit for a file",
                            hint="Use a smaller file.",
                        )
        except OSError as error:
            raise InvalidInputError(f"stdin cannot be stored: {error.strerror}") from None
        yield path
