"""Detection of unsupported and damaged media files by their bytes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, NamedTuple

from outreply_cli.spec.media_types import OTHER_BRANDS

_ACCEPTED = "the API accepts JPEG, PNG, GIF, WebP, MP4, MOV and WebM"
# The parts of a file in which a browser that sniffs content would find a web page.
EDGE_BYTES = 4096

_MARKUP = re.compile(rb"<\s*(html|script|body|iframe|svg|!doctype\s+html)[\s>/]", re.IGNORECASE)
_KINDS = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"FWS", "a Flash file"),
    (b"CWS", "a Flash file"),
    (b"ZWS", "a Flash file"),
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"8BPS", "a Photoshop file"),
    (b"\x1aE\xdf\xa3", "a Matroska video"),
    (b"FLV\x01", "a Flash video"),
    (b"ID3", "an audio file"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "an audio file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
)
_RIFF_KINDS = {b"AVI ": "an AVI video", b"WAVE": "a WAV audio file"}
_BOXES = {b"mdat", b"moov", b"moof", b"free", b"skip", b"wide", b"udta", b"uuid", b"sidx", b"styp",
          b"meta", b"mfra"}  # fmt: skip
_CHUNK_BYTES = 1024 * 1024
_MAX_STEPS = 100_000


def describe_unsupported(head: bytes) -> str:
    """Return what a file that starts with `head` is instead of media, and what to do."""
    text = _as_ascii(head).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return f"an SVG is not supported; {_ACCEPTED}: export it as PNG"
    if head[4:8] == b"ftyp" and head[8:12] in OTHER_BRANDS:
        kind = OTHER_BRANDS[head[8:12]]
        other = "make it a video, as MP4" if kind == "an audio file" else "export it as JPEG"
        return f"{kind} is not supported; {_ACCEPTED}: {other}"
    if text.startswith(b"<"):
        found = "a web page"
    elif head[:4] == b"RIFF":
        found = _RIFF_KINDS.get(head[8:12], "an unknown RIFF file")
    else:
        found = next((kind for start, kind in _KINDS if head.startswith(start)), "")
    return (
        f"{found} is not supported; {_ACCEPTED}" if found else f"not an image or video; {_ACCEPTED}"
    )


@dataclass(frozen=True)
class MediaProblem:
    """A problem of a file; `is_warning` if it may be uploaded despite it."""

    message: str
    is_warning: bool = False


class _Extent(NamedTuple):
    """The bytes of a file that its own structure accounts for.

    Attributes:
        end: Position up to which the structure is understood.
        is_truncated: Whether the structure goes on after the end of the file.
        lacks_end: Whether only the marker of the end is missing.
    """

    end: int
    is_truncated: bool = False
    lacks_end: bool = False


_TRUNCATED = MediaProblem(
    "the file is truncated; copy or download it again, or if it opens, export it again"
)
_NO_END = MediaProblem(
    "the file has no end marker and may be truncated; check that it opens", is_warning=True
)
_WEB_PAGE = MediaProblem(
    "the file has a web page hidden after the first bytes of an image or video; if the "
    "file is a real image or video, open it in an editor and export it again"
)


def find_corruption(stream: IO[bytes], mime: str, size: int) -> MediaProblem | None:
    """Return what is wrong with a seekable file that starts like media of type `mime`, if anything.

    Checks the lengths in the file's own structure, and the first and last bytes that are not part
    of it. An unknown structure is accepted, since the server only checks the first bytes.
    """
    extent = _MEASURES[mime](stream, size)
    if extent.is_truncated:
        return _TRUNCATED
    # Markup inside an image comment does not make the file a web page.
    edges = [_read_at(stream, extent.end, EDGE_BYTES)]
    edges.append(_read_at(stream, max(extent.end, size - EDGE_BYTES), EDGE_BYTES))
    if any(_MARKUP.search(edge) for edge in edges):
        return _WEB_PAGE
    return _NO_END if extent.lacks_end else None


def _measure_png(stream: IO[bytes], size: int) -> _Extent:
    position = 8
    has_pixels = False
    for _ in range(_MAX_STEPS):
        head = _read_at(stream, position, 8)
        kind = head[4:8]
        if position == 8 and not b"\x00\x00\x00\x0dIHDR".startswith(head):
            return _Extent(position)
        if not head and has_pixels:
            return _Extent(position, lacks_end=True)
        if len(head) < 8:
            return _Extent(position, is_truncated=True)
        if not kind.isalpha():
            return _Extent(position)
        position += 12 + int.from_bytes(head[:4], "big")
        has_pixels = has_pixels or kind == b"IDAT"
        if position > size or kind == b"IEND":
            return _Extent(position, is_truncated=position > size)
    return _Extent(position)


def _measure_jpeg(stream: IO[bytes], size: int) -> _Extent:
    position = 2
    # Lengths are trusted once a segment is what its name says.
    trusted = size < 4 or _read_at(stream, 6, 4) in {b"JFIF", b"Exif"}
    for _ in range(_MAX_STEPS):
        head = _read_at(stream, position, 4)
        if len(head) < 4:
            return _Extent(position, is_truncated=trusted)
        if head[:2] == b"\xff\xff":
            # A fill byte.
            position += 1
            continue
        length = int.from_bytes(head[2:4], "big")
        if head[0] != 0xFF or head[1] < 0xC0 or length < 2:
            return _Extent(position)
        start = position
        position += 2 + length
        if head[1] == 0xDA:
            end = _find_after(stream, position, b"\xff\xd9")
            if position > size and trusted:
                return _Extent(start, is_truncated=True)
            return _Extent(position if end is None else end, lacks_end=end is None)
        if position > size:
            return _Extent(start, is_truncated=trusted)
        trusted = True
    return _Extent(position)


def _measure_gif(stream: IO[bytes], size: int) -> _Extent:
    flags = _read_at(stream, 10, 1)
    if not flags or size < 13:
        return _Extent(0)
    position = 13 + _color_table_bytes(flags[0])
    for blocks in range(_MAX_STEPS):
        start = position
        kind = _read_at(stream, position, 1)
        if kind == b"!":
            position += 2
        elif kind == b",":
            local = _read_at(stream, position + 9, 1)
            position += 11 + (_color_table_bytes(local[0]) if local else 0)
        elif blocks == 0:
            return _Extent(0)
        elif kind:
            return _Extent(start + (kind == b";"))
        else:
            return _Extent(start, is_truncated=position > size, lacks_end=position == size)
        for _ in range(_MAX_STEPS):
            length = _read_at(stream, position, 1)
            position += 1 + (length[0] if length else 0)
            if length in {b"", b"\x00"}:
                break
    return _Extent(position)


def _measure_webp(stream: IO[bytes], size: int) -> _Extent:
    end = int.from_bytes(_read_at(stream, 4, 4), "little") + 8
    # Some encoders leave out the last byte, which only pads.
    return _Extent(min(end, size), is_truncated=end > size + 1)


def _measure_mp4(stream: IO[bytes], size: int) -> _Extent:
    position = 0
    for _ in range(_MAX_STEPS):
        head = _read_at(stream, position, 16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if len(head) < 8 or not (kind in _BOXES or (position == 0 and kind == b"ftyp")):
            return _Extent(position)
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        # A length of 0 means up to the end of the file.
        if length < 8:
            return _Extent(position)
        position += length
        if position > size:
            return _Extent(position, is_truncated=True)
    return _Extent(position)


def _measure_webm(stream: IO[bytes], size: int) -> _Extent:
    length, after = _ebml_length(stream, 4)
    if length is None or _read_at(stream, after + length, 4) != b"\x18\x53\x80\x67":
        return _Extent(0)
    segment, start = _ebml_length(stream, after + length + 4)
    if segment is None:
        return _Extent(start)
    return _Extent(min(start + segment, size), is_truncated=start + segment > size)


_MEASURES: dict[str, Callable[[IO[bytes], int], _Extent]] = {
    "image/jpeg": _measure_jpeg,
    "image/png": _measure_png,
    "image/gif": _measure_gif,
    "image/webp": _measure_webp,
    "video/mp4": _measure_mp4,
    "video/quicktime": _measure_mp4,
    "video/webm": _measure_webm,
}


def _ebml_length(stream: IO[bytes], position: int) -> tuple[int | None, int]:
    """Return the EBML length at `position` (None if unknown) and the position after it."""
    first = _read_at(stream, position, 1)
    if not first or first[0] == 0:
        return None, position
    width = 9 - first[0].bit_length()
    value = int.from_bytes(_read_at(stream, position, width), "big") & ((1 << (7 * width)) - 1)
    return (None if value == (1 << (7 * width)) - 1 else value), position + width


def _color_table_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _read_at(stream: IO[bytes], position: int, count: int) -> bytes:
    stream.seek(position)
    return stream.read(count)


def _as_ascii(head: bytes) -> bytes:
    for bom, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(bom):
            return head[2:].decode(encoding, "replace").encode("ascii", "replace")
    return head


def _find_after(stream: IO[bytes], position: int, wanted: bytes) -> int | None:
    """Return the position after the first `wanted` from `position` on, or None."""
    stream.seek(position)
    before = b""
    while chunk := stream.read(_CHUNK_BYTES):
        index = (before + chunk).find(wanted)
        if index >= 0:
            return position - len(before) + index + len(wanted)
        position += len(chunk)
        before = chunk[-len(wanted) :]
    return None
