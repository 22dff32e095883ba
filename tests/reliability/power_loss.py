"""Contents of a disk after a power loss, rebuilt from the log of shim.c.

POSIX guarantees only that a file's content is on disk once the file is synced, and its name once
its directory is. `Disk.lose_power` keeps exactly that. `Disk.tear` keeps some of the rest too: any
sectors of the unsynced writes, and the first of the unsynced changes to directories. A file system
with a journal writes all of these before it has synced any file.
"""

import os
import random
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tests.reliability.shim import Fault

_HEAD = struct.Struct("=QQIIc")
_SECTOR_BYTES = 512
# SQLite rebuilds these from the write-ahead log; they are never synced.
_REBUILT_SUFFIX = "-shm"


class LogRecord(NamedTuple):
    """A record of the log; see shim.c."""

    kind: str
    first: int
    second: int
    left: bytes
    right: bytes


class Point(NamedTuple):
    """An I/O point: the call, its path, and whether it needs space on the disk.

    Reads are numbered separately.
    """

    number: int
    call: str
    path: str
    allocates: bool


@dataclass
class _File:
    """A file: bytes on disk, bytes that programs see, and the writes and truncations between.

    A write is its offset and bytes; a truncation is a size and None.
    """

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)


@dataclass
class _Directory:
    """A directory: names on disk, and names that programs see."""

    durable: dict[str, "_Node"] = field(default_factory=dict)
    names: dict[str, "_Node"] = field(default_factory=dict)


_Node = _File | _Directory


class _Change(NamedTuple):
    """An unsynced change of one or two names: a directory, a name, and its node or None."""

    parts: tuple[tuple[_Directory, str, "_File | _Directory | None"], ...]

    def apply(self) -> None:
        for directory, name, node in self.parts:
            if node is None:
                directory.durable.pop(name, None)
            else:
                directory.durable[name] = node


class Disk:
    """The content of the directory `root` and what of it is durable; at first all of it.

    For torn writes, changes to directories become durable with the next sync of any file.
    """

    def __init__(self, root: Path, fault: Fault = Fault.NONE) -> None:
        self._root, self._has_journal = root, fault == Fault.TORN_POWER_LOSS
        self._top = _Directory()
        self._by_inode: dict[int, _Node] = {root.stat().st_ino: self._top}
        self._changes: list[_Change] = []
        self._read(root, self._top)

    def replay(self, log: Path) -> list[Point]:
        """Apply a log, and return its points."""
        points = []
        for record in _read_log(log):
            if record.kind in {"P", "Q"}:
                points.append(
                    Point(
                        record.first,
                        record.left.decode(),
                        str(PurePosixPath(os.fsdecode(record.right)).relative_to(self._root)),
                        bool(record.second),
                    )
                )
            else:
                self._apply(record)
        return points

    def lose_power(self, fault: Fault, seed: int) -> None:
        """Replace the directory by what is on disk after `fault`, if it loses power."""
        if fault == Fault.TORN_POWER_LOSS:
            self.tear(random.Random(seed))  # noqa: S311 - the same pieces each time
        elif fault.loses_power:
            self._write()

    def tear(self, generator: random.Random) -> None:
        """Replace the directory by what was synced, and by parts of what was not."""
        kept = generator.randint(0, len(self._changes))
        for change in self._changes[:kept]:
            change.apply()
        self._changes = []
        for node in list(self._by_inode.values()):
            if isinstance(node, _File):
                for offset, data in node.pending:
                    for piece in _tear_write(offset, data, generator):
                        _apply_write(node.durable, *piece)
                node.pending = []
        self._write()

    def _read(self, path: Path, directory: _Directory) -> None:
        for child in path.iterdir():
            node: _Node
            if child.is_dir():
                node = _Directory()
                self._read(child, node)
            else:
                node = _File(bytearray(child.read_bytes()))
            directory.names[child.name] = directory.durable[child.name] = node
            self._by_inode[child.stat().st_ino] = node

    def _apply(self, record: LogRecord) -> None:
        match record.kind:
            case "C" | "D":
                node: _Node = _File() if record.kind == "C" else _Directory()
                self._by_inode[record.first] = node
                self._change((record.left, node))
            case "W":
                self._file(record.first).pending.append((record.second, record.left))
            case "T":
                self._file(record.first).pending.append((record.second, None))
            case "S":
                self._sync(record.first)
            case "F":
                node = self._by_inode[record.first]
                if isinstance(node, _File):
                    node.pending = []
            case "U":
                self._change((record.left, None))
            case "R":
                self._change((record.left, None), (record.right, self._find(record.left)))
            case "L":
                self._change((record.right, self._find(record.left)))
            case _:
                raise ValueError(record.kind)

    def _file(self, inode: int) -> _File:
        node = self._by_inode[inode]
        assert isinstance(node, _File)
        return node

    def _sync(self, inode: int) -> None:
        node = self._by_inode[inode]
        if isinstance(node, _File):
            for offset, data in node.pending:
                _apply_write(node.durable, offset, data)
            node.pending = []
        done = [
            change
            for change in self._changes
            if self._has_journal or (isinstance(node, _Directory) and _touches(change, node))
        ]
        for change in done:
            change.apply()
        self._changes = [change for change in self._changes if change not in done]

    def _change(self, *parts: tuple[bytes, "_Node | None"]) -> None:
        located = []
        for path, node in parts:
            directory, name = self._locate(path)
            if node is None:
                directory.names.pop(name, None)
            else:
                directory.names[name] = node
            located.append((directory, name, node))
        self._changes.append(_Change(tuple(located)))

    def _locate(self, path: bytes) -> tuple[_Directory, str]:
        *parents, name = PurePosixPath(os.fsdecode(path)).relative_to(self._root).parts
        directory = self._top
        for parent in parents:
            child = directory.names[parent]
            assert isinstance(child, _Directory)
            directory = child
        return directory, name

    def _find(self, path: bytes) -> _Node:
        directory, name = self._locate(path)
        return directory.names[name]

    def _write(self) -> None:
        for child in self._root.iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            else:
                child.unlink()
        _write_directory(self._root, self._top)


def write_file(path: Path, content: bytes) -> None:
    """Write a file with mode 0600."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def _read_log(path: Path) -> Iterator[LogRecord]:
    data = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(data):
        first, second, left, right, kind = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield LogRecord(
            kind.decode(), first, second, data[at : at + left],
            data[at + left : at + left + right],
        )  # fmt: skip
        at += left + right


def _touches(change: _Change, directory: _Directory) -> bool:
    return any(part[0] is directory for part in change.parts)


def _apply_write(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _tear_write(
    offset: int, data: bytes | None, generator: random.Random
) -> Iterator[tuple[int, bytes | None]]:
    """Yield what reaches the disk of an unsynced write: nothing, all, or some sectors."""
    fate = generator.randrange(3)
    if fate == 0:
        return
    if fate == 1 or data is None:
        yield offset, data
        return
    start = 0
    while start < len(data):
        # Sectors begin at multiples of their size in the file.
        end = min(len(data), start + _SECTOR_BYTES - (offset + start) % _SECTOR_BYTES)
        if generator.random() < 0.5:
            yield offset + start, data[start:end]
        start = end


def _write_directory(path: Path, directory: _Directory) -> None:
    for name, node in directory.durable.items():
        child = path / name
        if isinstance(node, _Directory):
            child.mkdir(mode=0o700)
            _write_directory(child, node)
        elif not name.endswith(_REBUILT_SUFFIX):
            write_file(child, bytes(node.durable))
