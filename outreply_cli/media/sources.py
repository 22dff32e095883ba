"""The files that people name for an upload: one by one, as a directory, or through stdin."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sizes import format_size
from outreply_cli.paths import to_path

STDIN = "-"
_PIECE_BYTES = 1024 * 1024
# What a file of a directory is called when somebody means it as a picture or video.
_MEANT_AS_MEDIA = frozenset(
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

    Attributes:
        name: As people are told of it.
        path: Where its bytes are.
        explicit: Whether it is an error when it turns out to be no media; other files of a
            directory are left out.
    """

    name: str
    path: Path
    explicit: bool = True


def find_candidates(names: Sequence[str], *, recursive: bool) -> list[Candidate]:
    """The files that `names` stand for, each path once, in order.

    A directory stands for its files, but for hidden ones; for those of the directories below it
    only with `recursive`. Links to directories are not followed.
    """
    found: dict[str, Candidate] = {}
    for name in names:
        path = to_path(name)
        below = _files_in(path, recursive=recursive) if _is_dir(path) else [Candidate(name, path)]
        for one in below:
            found.setdefault(str(one.path), one)
    return list(found.values())


def _files_in(directory: Path, *, recursive: bool) -> Iterator[Candidate]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: os.fsencode(entry.name))
    except OSError:
        # Looking at it as a file will tell why it can't be read.
        yield Candidate(str(directory), directory)
        return
    below = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            below.append(Path(entry.path))
        elif not (entry.is_symlink() and _is_dir(Path(entry.path))):
            is_meant = Path(entry.name).suffix.lower() in _MEANT_AS_MEDIA
            yield Candidate(entry.path, Path(entry.path), is_meant)
    for one in below if recursive else ():
        yield from _files_in(one, recursive=True)


def _is_dir(path: Path) -> bool:
    # pathlib's raises for a name that no file can have.
    return os.path.isdir(path)  # noqa: PTH112


@contextmanager
def spool_stdin(stream: BinaryIO, most: int | None) -> Iterator[Path]:
    """What comes through `stream`, in a file that only its owner can read, while the block runs.

    Args:
        stream: Read to its end.
        most: How many bytes the account takes for one file, where it tells.

    Raises:
        InvalidInputError: More comes than that, or it can't be kept.
    """
    with tempfile.TemporaryDirectory(prefix="outreply-") as directory:
        path = Path(directory) / "stdin"
        try:
            with path.open("xb") as kept:
                while piece := stream.read(_PIECE_BYTES):
                    kept.write(piece)
                    if most is not None and kept.tell() > most:
                        raise InvalidInputError(
                            f"stdin has more than the {format_size(most)} that one file may have",
                            hint="Make it smaller.",
                        )
        except OSError as failure:
            raise InvalidInputError(f"stdin can't be kept: {failure.strerror}") from None
        yield path
