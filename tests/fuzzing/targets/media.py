"""Detection of media types: correct signatures, clear descriptions, bounded reads."""

import io
import struct
import zlib
from collections.abc import Callable

from outreply_cli.formats.dimensions import read_dimensions
from outreply_cli.media.sniff import describe_unsupported, find_corruption
from outreply_cli.spec.media_types import EXTENSIONS, HEAD_BYTES, MEDIA_TYPES, detect_mime
from tests.fuzzing.target import Target

_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda head: head[:2] == b"\xff\xd8",
    "image/png": lambda head: head[1:4] == b"PNG",
    "image/gif": lambda head: head[:4] == b"GIF8",
    "image/webp": lambda head: head[8:12] == b"WEBP",
    "video/mp4": lambda head: head[4:8] == b"ftyp" and head[8:12] != b"qt  ",
    "video/quicktime": lambda head: head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free"},
    "video/webm": lambda head: head[:2] == b"\x1aE" and b"webm" in head,
}  # fmt: skip


class _CountingReader(io.BytesIO):
    """Counts reads."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def _check(data: bytes) -> None:
    mime = detect_mime(data[:HEAD_BYTES])
    if mime is None:
        description = describe_unsupported(data[:HEAD_BYTES])
        assert description.isprintable()
        assert description.endswith(("WebM", "JPEG", "PNG"))
        return
    assert mime in MEDIA_TYPES
    assert mime in EXTENSIONS
    assert _SIGNATURES[mime](data)
    stream = _CountingReader(data)
    problem = find_corruption(stream, mime, len(data))
    assert problem is None or problem.message.isprintable()
    assert stream.reads <= len(data) + 20
    stream.reads = 0
    width, height, seconds = read_dimensions(stream, mime)
    assert (width is None) == (height is None)
    assert seconds is None or seconds > 0
    assert stream.reads <= 2_000
    # The result is deterministic.
    assert find_corruption(io.BytesIO(data), mime, len(data)) == problem


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


_PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
_GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\0\0\0\xff\xff\xff"
    b"!\xf9\x04\x01\x00\x00\x00\x00,\0\0\0\0\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xda\x00\x02ab\xff\xd9"
_WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 \x04\x00\x00\x00abcd"
_MP4 = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08free" + b"\0\0\0\x0cmdatabcd"
_MOV = b"\0\0\0\x10ftypqt  \0\0\0\0" + b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14abcd"
_WEBM = b"\x1aE\xdf\xa3\x87B\x82\x84webm\x18S\x80g\x84abcd"
TARGETS = (
    Target(
        "media", _check,
        [_PNG, _GIF, _JPEG, _WEBP, _MP4, _MOV, _WEBM, b"%PDF-1.4", b"<svg xmlns='x'>",
         b"PK\x03\x04",
         b"\xff\xfe<\0s\0v\0g\0", b"\0\0\0\x18ftypheic", b"MZ", b"#!/bin/sh",
         b"\x1aE\xdf\xa3matroska"],
        [b"<script>", b"<HTML>", b"<svg ", b"ftyp", b"moov", b"mdat", b"IHDR", b"IEND", b"\xff\xda",
         b"mvhd", b"trak", b"tkhd",
         b"\xff\xc0", b"\xff\xe1", b"\xff\xd9", b"!", b",", b"\0\0\0\0", b"\xff" * 8, b"\0\0\0\x01",
         b"\x18S\x80g", b"webm",
         b"\0" * 5000],
        smoke=400,
    ),
)  # fmt: skip
