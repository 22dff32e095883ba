"""Dimensions and durations of media files, read from their headers without decoding them.

Values that are missing or invalid are None. Reads a few kilobytes of a file of any size.
"""

import math
import os
import struct
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

_MAX_READS = 2_000
_MAX_EXIF_BYTES = 65_533
_MAX_IFD_ENTRIES = 500
_MAX_VALUE_BYTES = 64
_ORIENTATION_TAG = 0x0112
# Orientations that rotate an image by 90 degrees.
_QUARTER_TURNS = range(5, 9)


class Dimensions(NamedTuple):
    """The size of an image or video as it is shown, in pixels, and the duration of a video."""

    width: int | None = None
    height: int | None = None
    seconds: float | None = None


UNKNOWN = Dimensions()


class _Reader:
    """A file that is read at positions, a limited number of times.

    Raises:
        ValueError: The file ends too early, or requires too many reads.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._reads_left = _MAX_READS
        self.size = stream.seek(0, os.SEEK_END)

    def read_at(self, position: int, count: int, *, is_partial: bool = False) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise ValueError("too many parts")
        self._stream.seek(position)
        data = self._stream.read(max(count, 0))
        if len(data) < count and not (is_partial and data):
            raise ValueError("the file is truncated")
        return data


def read_dimensions(stream: IO[bytes], mime: str) -> Dimensions:
    """Return what the seekable `stream` of a file of type `mime` says about itself."""
    read = _READERS.get(mime)
    try:
        found = UNKNOWN if read is None else read(_Reader(stream))
    except (OSError, ValueError, OverflowError, struct.error):
        return UNKNOWN
    has_size = bool(found.width and found.height)
    has_duration = found.seconds is not None and 0 < found.seconds < math.inf
    return Dimensions(
        found.width if has_size else None,
        found.height if has_size else None,
        found.seconds if has_duration else None,
    )


def _read_png(file: _Reader) -> Dimensions:
    head = file.read_at(8, 16)
    return Dimensions(*struct.unpack(">II", head[8:])) if head[4:8] == b"IHDR" else UNKNOWN


def _read_gif(file: _Reader) -> Dimensions:
    return Dimensions(*struct.unpack("<HH", file.read_at(6, 4)))


def _read_jpeg(file: _Reader) -> Dimensions:
    position, is_turned = 2, False
    while True:
        marker, kind, length = struct.unpack(">BBH", file.read_at(position, 4))
        if marker != 0xFF:
            return UNKNOWN
        if kind == 0xFF:
            # A fill byte.
            position += 1
        elif kind == 0x01 or 0xD0 <= kind <= 0xD8:
            position += 2
        elif 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", file.read_at(position + 5, 4))
            return Dimensions(height, width) if is_turned else Dimensions(width, height)
        elif kind in {0xD9, 0xDA}:
            return UNKNOWN
        else:
            if kind == 0xE1:
                exif = file.read_at(position + 4, min(length - 2, _MAX_EXIF_BYTES))
                is_turned = is_turned or _parse_orientation(exif) in _QUARTER_TURNS
            position += 2 + length


def _parse_orientation(exif: bytes) -> int | None:
    """Return the orientation in an EXIF segment, if it has one."""
    tiff = exif[6:]
    if exif[:6] != b"Exif\x00\x00" or tiff[:2] not in {b"II", b"MM"}:
        return None
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(min(count, _MAX_IFD_ENTRIES)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * index)
            if tag == _ORIENTATION_TAG:
                return int(value)
    except struct.error:
        pass
    return None


def _read_webp(file: _Reader) -> Dimensions:
    head = file.read_at(12, 18)
    kind, data = head[:4], head[8:]
    if kind == b"VP8X":
        width = int.from_bytes(data[4:7], "little") + 1
        return Dimensions(width, int.from_bytes(data[7:10], "little") + 1)
    if kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return Dimensions((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[6:10])
        return Dimensions(width & 0x3FFF, height & 0x3FFF)
    return UNKNOWN


def _read_mp4(file: _Reader) -> Dimensions:
    width = height = None
    seconds: float | None = None
    scale = 0
    start, end = _find(_boxes(file, 0, file.size), b"moov")
    for kind, first, last in _boxes(file, start, end):
        if kind == b"mvhd":
            scale, seconds = _read_mvhd(file, first)
        elif kind == b"mvex" and not seconds:
            seconds = _read_fragment_seconds(file, first, last, scale)
        elif kind == b"trak" and not width:
            at, _ = _find(_boxes(file, first, last), b"tkhd")
            width, height = _read_tkhd(file, at) if at else (None, None)
    return Dimensions(width, height, seconds)


def _read_mvhd(file: _Reader, start: int) -> tuple[int, float | None]:
    if file.read_at(start, 1) == b"\x01":
        scale, duration = struct.unpack(">IQ", file.read_at(start + 20, 12))
        unknown = 2**64 - 1
    else:
        scale, duration = struct.unpack(">II", file.read_at(start + 12, 8))
        unknown = 2**32 - 1
    return scale, duration / scale if scale and duration != unknown else None


def _read_fragment_seconds(file: _Reader, start: int, end: int, scale: int) -> float | None:
    first, _ = _find(_boxes(file, start, end), b"mehd")
    if not first or not scale:
        return None
    length = 8 if file.read_at(first, 1) == b"\x01" else 4
    return int.from_bytes(file.read_at(first + 4, length), "big") / scale


def _read_tkhd(file: _Reader, start: int) -> tuple[int, int]:
    matrix_start = start + (52 if file.read_at(start, 1) == b"\x01" else 40)
    values = struct.unpack(">9i2I", file.read_at(matrix_start, 44))
    a, b, _, c, d = values[:5]
    width, height = round(values[9] / 65_536), round(values[10] / 65_536)
    is_turned = not a and not d and b and c
    return (height, width) if is_turned else (width, height)


def _boxes(file: _Reader, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, start and end of the content of each box between `start` and `end`."""
    while start + 8 <= end:
        head = file.read_at(start, 8)
        length, header = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, header = int.from_bytes(file.read_at(start + 8, 8), "big"), 16
        elif length == 0:
            length = end - start
        if length < header:
            return
        yield head[4:], start + header, min(start + length, end)
        start += length


def _find(parts: Iterator[tuple[object, int, int]], kind: object) -> tuple[int, int]:
    """Return the start and end of the first part of a kind; an empty range without one."""
    return next(((start, end) for found, start, end in parts if found == kind), (0, 0))


def _read_webm(file: _Reader) -> Dimensions:
    width = height = None
    seconds: float | None = None
    start, end = _find(_elements(file, 0, file.size), 0x18538067)
    for kind, first, last in _elements(file, start, end):
        if kind == 0x1549A966:
            seconds = _read_webm_seconds(file, first, last)
        elif kind == 0x1654AE6B:
            width, height = _read_webm_size(file, first, last)
        if width and seconds:
            break
    return Dimensions(width, height, seconds)


def _read_webm_seconds(file: _Reader, start: int, end: int) -> float | None:
    scale, duration = 1_000_000, None
    for kind, first, last in _elements(file, start, end):
        value = file.read_at(first, min(last - first, _MAX_VALUE_BYTES))
        if kind == 0x2AD7B1:
            scale = int.from_bytes(value, "big")
        elif kind == 0x4489:
            (duration,) = struct.unpack(">f" if len(value) == 4 else ">d", value)
    return None if duration is None else duration * scale / 1e9


def _read_webm_size(file: _Reader, start: int, end: int) -> tuple[int | None, int | None]:
    for track, first, last in _elements(file, start, end):
        at, until = _find(_elements(file, first, last), 0xE0) if track == 0xAE else (0, 0)
        if at:
            sides = {
                kind: int.from_bytes(file.read_at(a, min(b - a, 8)), "big")
                for kind, a, b in _elements(file, at, until)
            }
            return sides.get(0xB0), sides.get(0xBA)
    return None, None


def _elements(file: _Reader, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the ID, start and end of the content of each EBML element; an unknown end is `end`."""
    while start < end:
        head = file.read_at(start, 12, is_partial=True)
        id_length = 9 - head[0].bit_length()
        if id_length > 4 or len(head) <= id_length or not head[id_length]:
            return
        length = 9 - head[id_length].bit_length()
        raw = head[id_length : id_length + length]
        mask = (1 << 7 * length) - 1
        value = int.from_bytes(raw, "big") & mask
        content = start + id_length + length
        stop = end if value == mask else content + value
        yield int.from_bytes(head[:id_length], "big"), content, min(stop, end)
        start = stop


_READERS: dict[str, Callable[[_Reader], Dimensions]] = {
    "image/png": _read_png,
    "image/gif": _read_gif,
    "image/jpeg": _read_jpeg,
    "image/webp": _read_webp,
    "video/mp4": _read_mp4,
    "video/quicktime": _read_mp4,
    "video/webm": _read_webm,
}
