"""Small complete media files, made byte by byte."""

import struct
import zlib


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(text: bytes = b"") -> bytes:
    """A PNG with one gray pixel and a text chunk."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + _chunk(b"tEXt", b"Comment\x00" + text)
        + _chunk(b"IDAT", zlib.compress(b"\x00\x80"))
        + _chunk(b"IEND", b"")
    )


def jpeg(comment: bytes = b"a comment") -> bytes:
    """The segments of a JPEG with a comment; its scan data cannot be decoded."""
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
         b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
        + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
        + bytes(range(200))
        + b"\xff\xd9"
    )  # fmt: skip


def gif() -> bytes:
    """A GIF with one pixel."""
    return (
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
        b"!\xf9\x04\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
    )


def webp() -> bytes:
    """The chunks of a WebP."""
    data = b"WEBPVP8 " + struct.pack("<I", 40) + bytes(40)
    return b"RIFF" + struct.pack("<I", len(data)) + data


def mp4(brand: bytes = b"mp42") -> bytes:
    """Boxes with nothing to play."""
    return (
        struct.pack(">I", 24) + b"ftyp" + brand + bytes(12)
        + struct.pack(">I", 108) + b"moov" + bytes(100)
        + struct.pack(">IIQ", 1, int.from_bytes(b"mdat", "big"), 216) + bytes(200)
    )  # fmt: skip


def webm() -> bytes:
    """A WebM header and a segment with its length."""
    head = b"\x42\x86\x81\x01\x42\x82\x84webm"
    return b"\x1aE\xdf\xa3" + bytes([0x80 | len(head)]) + head + b"\x18S\x80g\x40\xc8" + bytes(200)


WHOLE = {
    "image/png": png(),
    "image/jpeg": jpeg(),
    "image/gif": gif(),
    "image/webp": webp(),
    "video/mp4": mp4(),
    "video/quicktime": mp4(b"qt  "),
    "video/webm": webm(),
}
