"""Detection of unsupported and damaged media files by their bytes."""

import re
from collections.abc import Callable
from typing import IO

_ACCEPTED = "the API accepts JPEG, PNG, GIF, WebP, MP4, MOV and WebM"
# The parts of a file in which a browser that sniffs content would find a web page.
EDGE_BYTES = 4096

_MARKUP = re.compile(rb"<\s*(html|script|body|iframe|svg|!doctype\s+html)[\s>/]", re.IGNORECASE)
_STILLS = {
    b"heic": "a HEIC photo", b"heix": "a HEIC photo", b"heif": "a HEIC photo",
    b"hevc": "a HEIC photo", b"mif1": "a HEIC photo", b"msf1": "a HEIC photo",
    b"avif": "an AVIF image", b"avis": "an AVIF image",
}  # fmt: skip
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
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
)
_BOXES = {b"mdat", b"moov", b"moof", b"free", b"skip", b"wide", b"udta", b"uuid", b"sidx", b"styp",
          b"meta", b"mfra"}  # fmt: skip
_CHUNK_BYTES = 1024 * 1024
_MAX_STEPS = 100_000


def describe_unsupported(head: bytes) -> str:
    """Return what a file that starts with `head` is instead of media, and what to do."""
    text = _as_ascii(head).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return f"an SVG is not supported; {_ACCEPTED}: export it as PNG"
    if head[4:8] == b"ftyp" and head[8:12] in _STILLS:
        return f"{_STILLS[head[8:12]]} is not supported; {_ACCEPTED}: export it as JPEG"
    if text.startswith(b"<"):
        return f"a web page is not supported; {_ACCEPTED}"
    if head[:4] == b"RIFF":
        kind = {b"AVI ": "an AVI video", b"WAVE": "a WAV audio file"}.get(
            head[8:12], "an unknown RIFF file"
        )
        return f"{kind} is not supported; {_ACCEPTED}"
    for start, kind in _KINDS:
        if head.startswith(start):
            return f"{kind} is not supported; {_ACCEPTED}"
    return f"not an image or video; {_ACCEPTED}"


def find_corruption(stream: IO[bytes], mime: str, size: int) -> str | None:
    """Return what is wrong with a seekable file that starts like media of type `mime`, if anything.

    Checks the first and last bytes and the lengths in the file's own structure. An unknown
    structure is accepted, since the server only checks the first bytes.
    """
    stream.seek(0)
    edges = [stream.read(EDGE_BYTES)]
    stream.seek(max(0, size - EDGE_BYTES))
    edges.append(stream.read(EDGE_BYTES))
    if any(_MARKUP.search(edge) for edge in edges):
        return "the file has a web page hidden behind the first bytes of an image or video"
    if _TRUNCATION_CHECKS[mime](stream, size):
        return "the file is truncated; copy or download it again"
    return None


def _png_is_truncated(stream: IO[bytes], size: int) -> bool:
    position = 8
    for _ in range(_MAX_STEPS):
        head = _read_at(stream, position, 8)
        kind = head[4:8]
        if position == 8 and not b"\x00\x00\x00\x0dIHDR".startswith(head):
            return False
        if len(head) < 8:
            return True
        if not kind.isalpha():
            return False
        position += 12 + int.from_bytes(head[:4], "big")
        if position > size or kind == b"IEND":
            return position > size
    return False


def _jpeg_is_truncated(stream: IO[bytes], size: int) -> bool:
    position = 2
    # Lengths are trusted once a segment is what its name says.
    trusted = size < 4 or _read_at(stream, 6, 4) in {b"JFIF", b"Exif"}
    for _ in range(_MAX_STEPS):
        head = _read_at(stream, position, 4)
        if len(head) < 4:
            return trusted
        length = int.from_bytes(head[2:4], "big")
        if head[0] != 0xFF or head[1] < 0xC0 or length < 2:
            return False
        position += 2 + length
        if head[1] == 0xDA:
            return not _has_after(stream, position, b"\xff\xd9")
        if position > size:
            return trusted
        trusted = True
    return False


def _gif_is_truncated(stream: IO[bytes], size: int) -> bool:
    flags = _read_at(stream, 10, 1)
    if not flags or size < 13:
        return False
    position = 13 + _color_table_bytes(flags[0])
    for blocks in range(_MAX_STEPS):
        kind = _read_at(stream, position, 1)
        if kind == b"!":
            position += 2
        elif kind == b",":
            local = _read_at(stream, position + 9, 1)
            position += 11 + (_color_table_bytes(local[0]) if local else 0)
        else:
            return not kind and blocks > 0
        for _ in range(_MAX_STEPS):
            length = _read_at(stream, position, 1)
            position += 1 + (length[0] if length else 0)
            if length in {b"", b"\x00"}:
                break
    return False


def _webp_is_truncated(stream: IO[bytes], size: int) -> bool:
    return int.from_bytes(_read_at(stream, 4, 4), "little") + 8 > size


def _mp4_is_truncated(stream: IO[bytes], size: int) -> bool:
    position = 0
    for _ in range(_MAX_STEPS):
        head = _read_at(stream, position, 16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if len(head) < 8 or not (kind in _BOXES or (position == 0 and kind == b"ftyp")):
            return False
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        # A length of 0 means up to the end of the file.
        if length < 8:
            return False
        position += length
        if position > size:
            return True
    return False


def _webm_is_truncated(stream: IO[bytes], size: int) -> bool:
    length, after = _ebml_length(stream, 4)
    if length is None or _read_at(stream, after + length, 4) != b"\x18\x53\x80\x67":
        return False
    segment, start = _ebml_length(stream, after + length + 4)
    return segment is not None and start + segment > size


_TRUNCATION_CHECKS: dict[str, Callable[[IO[bytes], int], bool]] = {
    "image/jpeg": _jpeg_is_truncated,
    "image/png": _png_is_truncated,
    "image/gif": _gif_is_truncated,
    "image/webp": _webp_is_truncated,
    "video/mp4": _mp4_is_truncated,
    "video/quicktime": _mp4_is_truncated,
    "video/webm": _webm_is_truncated,
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


def _has_after(stream: IO[bytes], position: int, wanted: bytes) -> bool:
    stream.seek(position)
    before = b""
    while chunk := stream.read(_CHUNK_BYTES):
        if wanted in before + chunk:
            return True
        before = chunk[-len(wanted) :]
    return False
