"""Small complete media files with dimensions and durations, made byte by byte."""

import struct
import zlib

ROTATED = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
UPRIGHT = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


def png(width: int, height: int, padding: int = 0) -> bytes:
    """A PNG whose pixels are not there, with a text chunk of some length."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"tEXt", b"Comment\x00" + bytes(padding))
        + chunk(b"IDAT", zlib.compress(b"\x00"))
        + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int, orientation: int = 1, order: str = ">") -> bytes:
    """A JPEG with an EXIF orientation, whose scan cannot be decoded."""
    mark = b"MM" if order == ">" else b"II"
    tiff = (
        mark
        + struct.pack(f"{order}HI", 42, 8)
        + struct.pack(
            f"{order}H HHIHH HHIHH I", 2, 0x0100, 3, 1, 9, 0, 0x0112, 3, 1, orientation, 0, 0
        )
    )
    exif = b"Exif\x00\x00" + tiff
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
        b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        # A fill byte before a marker, and a table between them.
        + b"\xff\xff\xc4\x00\x05abc"
        + b"\xff\xc2" + struct.pack(">H", len(frame) + 2) + frame
        + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(range(100)) + b"\xff\xd9"
    )  # fmt: skip


def gif(width: int, height: int, padding: int = 0) -> bytes:
    """A GIF with one pixel on a screen of some size, and comment blocks of some length."""
    comment = b"".join(b"\xfa" + bytes(250) for _ in range(padding // 250))
    return (
        b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\x00\x00\x00\x00\x00\xff\xff\xff"
        + b"!\xfe" + comment + b"\x00"
        + b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
    )  # fmt: skip


def webp(width: int, height: int, kind: bytes = b"VP8 ") -> bytes:
    """A WebP: lossy (`VP8 `), lossless (`VP8L`) or extended (`VP8X`)."""
    if kind == b"VP8X":
        sides = [(side - 1).to_bytes(3, "little") for side in (width, height)]
        data = bytes(4) + b"".join(sides)
    elif kind == b"VP8L":
        data = b"\x2f" + (width - 1 | (height - 1) << 14).to_bytes(4, "little")
    else:
        data = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = kind + struct.pack("<I", 40) + data.ljust(40, b"\x00")
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of an MP4."""
    data = b"".join(content)
    return struct.pack(">I", len(data) + 8) + kind + data


def movie_header(seconds: float, *, is_long: bool = False) -> bytes:
    """The `mvhd` box of an MP4, in version 0 or 1."""
    ticks = round(seconds * 600)
    if is_long:
        return box(b"mvhd", b"\x01\x00\x00\x00", struct.pack(">QQIQ", 0, 0, 600, ticks), bytes(80))
    return box(b"mvhd", bytes(4), struct.pack(">IIII", 0, 0, 600, ticks), bytes(80))


def track(
    width: int, height: int, matrix: tuple[int, ...] = UPRIGHT, *, is_long: bool = False
) -> bytes:
    """A `trak` box of an MP4 with a `tkhd` box in version 0 or 1."""
    times = (
        struct.pack(">QQIIQ", 0, 0, 1, 0, 0) if is_long else struct.pack(">IIIII", 0, 0, 1, 0, 0)
    )
    head = bytes([is_long, 0, 0, 7]) + times + bytes(16)
    sides = struct.pack(">9iII", *matrix, width << 16, height << 16)
    return box(b"trak", box(b"tkhd", head, sides))


def mp4(
    width: int, height: int, seconds: float, *parts: bytes, brand: bytes = b"mp42", size: int = 0
) -> bytes:
    """An MP4 with a silent track first; `parts` replace its boxes, `size` announces data."""
    parts = parts or (movie_header(seconds), track(0, 0), track(width, height))
    head = box(b"ftyp", brand, bytes(8)) + box(b"moov", *parts)
    return head + struct.pack(">IIQ", 1, int.from_bytes(b"mdat", "big"), 16 + size)


def element(number: bytes, *content: bytes) -> bytes:
    """An element of a WebM with a length of eight bytes."""
    data = b"".join(content)
    return number + (len(data) | 1 << 56).to_bytes(8, "big") + data


def webm(width: int, height: int, seconds: float, *, length: str = ">d") -> bytes:
    """A WebM with an audio track first, and its duration as a float or a double."""
    info = element(
        b"\x15\x49\xa9\x66",
        element(b"\x2a\xd7\xb1", (500_000).to_bytes(3, "big")),
        element(b"\x44\x89", struct.pack(length, seconds * 2_000)),
    )
    sides = (
        element(b"\xb0", width.to_bytes(2, "big")), element(b"\xba", height.to_bytes(2, "big"))
    )  # fmt: skip
    tracks = element(
        b"\x16\x54\xae\x6b",
        element(b"\xae", element(b"\x83", b"\x02")),
        element(b"\xae", element(b"\x83", b"\x01"), element(b"\xe0", *sides)),
    )
    return element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"webm")) + element(
        b"\x18\x53\x80\x67", info, tracks
    )
