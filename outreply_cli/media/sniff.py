"""What the bytes of a file say against it: another kind, a hidden web page, a missing end."""

import re
from collections.abc import Callable
from typing import IO

ALLOWED = "the API takes jpeg, png, gif, webp, mp4, mov and webm"
# Where a browser that guesses would look for a page, and where one is hidden behind a picture.
EDGE_BYTES = 4096

_MARKUP = re.compile(rb"<\s*(html|script|body|iframe|svg|!doctype\s+html)[\s>/]", re.IGNORECASE)
_STILLS = {
    b"heic": "a HEIC photo", b"heix": "a HEIC photo", b"heif": "a HEIC photo",
    b"hevc": "a HEIC photo", b"mif1": "a HEIC photo", b"msf1": "a HEIC photo",
    b"avif": "an AVIF picture", b"avis": "an AVIF picture",
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
    (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
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
_LONGEST_WALK = 100_000


def describe_unsupported(head: bytes) -> str:
    """What a file that is no media is instead, and what to do; `head` is how it begins."""
    text = _as_ascii(head).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return f"it is an SVG, which the API refuses; {ALLOWED}: export it as PNG"
    if head[4:8] == b"ftyp" and head[8:12] in _STILLS:
        return f"it is {_STILLS[head[8:12]]}; {ALLOWED}: export it as JPEG"
    if text.startswith(b"<"):
        return f"it is a web page; {ALLOWED}"
    if head[:4] == b"RIFF":
        kind = {b"AVI ": "an AVI video", b"WAVE": "a sound"}.get(head[8:12], "an unknown RIFF file")
        return f"it is {kind}; {ALLOWED}"
    for start, kind in _KINDS:
        if head.startswith(start):
            return f"it is {kind}; {ALLOWED}"
    return f"its bytes are no picture or video; {ALLOWED}"


def find_corruption(stream: IO[bytes], mime: str, size: int) -> str | None:
    """What is wrong with a file that begins as media of the type `mime`, or None.

    It reads a file's edges and the lengths that it tells of itself. What it can't follow is no
    problem: the server judges by the first bytes alone.

    Args:
        stream: The file, which can be searched; where it stands does not matter.
        mime: What its first bytes say.
        size: In bytes.
    """
    stream.seek(0)
    edges = [stream.read(EDGE_BYTES)]
    stream.seek(max(0, size - EDGE_BYTES))
    edges.append(stream.read(EDGE_BYTES))
    if any(_MARKUP.search(edge) for edge in edges):
        return "it has a web page hidden in it, behind the first bytes of a picture or video"
    if _WALKS[mime](stream, size):
        return "it is cut off: its end is missing; copy or download it again"
    return None


def _png_is_cut(stream: IO[bytes], size: int) -> bool:
    place = 8
    for _ in range(_LONGEST_WALK):
        head = _read_at(stream, place, 8)
        kind = head[4:8]
        if place == 8 and not b"\x00\x00\x00\x0dIHDR".startswith(head):
            return False
        if len(head) < 8:
            return True
        if not kind.isalpha():
            return False
        place += 12 + int.from_bytes(head[:4], "big")
        if place > size or kind == b"IEND":
            return place > size
    return False


def _jpeg_is_cut(stream: IO[bytes], size: int) -> bool:
    place = 2
    # Lengths are believed once a segment was what its name says.
    trusted = size < 4 or _read_at(stream, 6, 4) in {b"JFIF", b"Exif"}
    for _ in range(_LONGEST_WALK):
        head = _read_at(stream, place, 4)
        if len(head) < 4:
            return trusted
        length = int.from_bytes(head[2:4], "big")
        if head[0] != 0xFF or head[1] < 0xC0 or length < 2:
            return False
        place += 2 + length
        if head[1] == 0xDA:
            return not _has_after(stream, place, b"\xff\xd9")
        if place > size:
            return trusted
        trusted = True
    return False


def _gif_is_cut(stream: IO[bytes], size: int) -> bool:
    flags = _read_at(stream, 10, 1)
    if not flags or size < 13:
        return False
    place = 13 + _colour_bytes(flags[0])
    for blocks in range(_LONGEST_WALK):
        kind = _read_at(stream, place, 1)
        if kind == b"!":
            place += 2
        elif kind == b",":
            local = _read_at(stream, place + 9, 1)
            place += 11 + (_colour_bytes(local[0]) if local else 0)
        else:
            return not kind and blocks > 0
        for _ in range(_LONGEST_WALK):
            length = _read_at(stream, place, 1)
            place += 1 + (length[0] if length else 0)
            if length in {b"", b"\x00"}:
                break
    return False


def _webp_is_cut(stream: IO[bytes], size: int) -> bool:
    return int.from_bytes(_read_at(stream, 4, 4), "little") + 8 > size


def _boxes_are_cut(stream: IO[bytes], size: int) -> bool:
    place = 0
    for _ in range(_LONGEST_WALK):
        head = _read_at(stream, place, 16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if len(head) < 8 or not (kind in _BOXES or (place == 0 and kind == b"ftyp")):
            return False
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        # A length of 0 goes on to the end of the file, whatever that is.
        if length < 8:
            return False
        place += length
        if place > size:
            return True
    return False


def _webm_is_cut(stream: IO[bytes], size: int) -> bool:
    length, after = _ebml_length(stream, 4)
    if length is None or _read_at(stream, after + length, 4) != b"\x18\x53\x80\x67":
        return False
    segment, begin = _ebml_length(stream, after + length + 4)
    return segment is not None and begin + segment > size


_WALKS: dict[str, Callable[[IO[bytes], int], bool]] = {
    "image/jpeg": _jpeg_is_cut,
    "image/png": _png_is_cut,
    "image/gif": _gif_is_cut,
    "image/webp": _webp_is_cut,
    "video/mp4": _boxes_are_cut,
    "video/quicktime": _boxes_are_cut,
    "video/webm": _webm_is_cut,
}


def _ebml_length(stream: IO[bytes], place: int) -> tuple[int | None, int]:
    # The length that stands at `place`, None for one that is left open, and where it ends.
    first = _read_at(stream, place, 1)
    if not first or first[0] == 0:
        return None, place
    width = 9 - first[0].bit_length()
    value = int.from_bytes(_read_at(stream, place, width), "big") & ((1 << (7 * width)) - 1)
    return (None if value == (1 << (7 * width)) - 1 else value), place + width


def _colour_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _read_at(stream: IO[bytes], place: int, count: int) -> bytes:
    stream.seek(place)
    return stream.read(count)


def _as_ascii(head: bytes) -> bytes:
    for mark, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head[2:].decode(name, "replace").encode("ascii", "replace")
    return head


def _has_after(stream: IO[bytes], place: int, wanted: bytes) -> bool:
    stream.seek(place)
    before = b""
    while piece := stream.read(_CHUNK_BYTES):
        if wanted in before + piece:
            return True
        before = piece[-len(wanted) :]
    return False
