"""Dimensions and durations of media files, and of damaged ones."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from outreply_cli.formats.dimensions import UNKNOWN, Dimensions, read_dimensions
from outreply_cli.media.files import StorageLimits, hash_file, inspect
from outreply_cli.media.sniff import find_corruption
from outreply_cli.spec.media_types import HEAD_BYTES, MEDIA_TYPES, detect_mime
from tests.media.sample_files import WHOLE
from tests.media.sized_files import (
    ROTATED,
    box,
    gif,
    jpeg,
    movie_header,
    mp4,
    png,
    track,
    webm,
    webp,
)

UPRIGHT_SIZE, TURNED_SIZE = Dimensions(640, 360), Dimensions(360, 640)
VIDEO = Dimensions(640, 360, 2.5)
LONG = (movie_header(2.5, is_long=True), track(640, 360, is_long=True))
FRAGMENTED = (movie_header(0), box(b"mvex", box(b"mehd", bytes(4), (1500).to_bytes(4, "big"))),
              track(640, 360))  # fmt: skip
FRAGMENTED_LONG = (
    movie_header(0), box(b"mvex", box(b"mehd", b"\x01\0\0\0", (1500).to_bytes(8, "big"))),
    track(640, 360),
)  # fmt: skip
ENDLESS = (movie_header((2**32 - 1) / 600), track(640, 360))
FILES = {
    "png": (png(640, 360), UPRIGHT_SIZE),
    "gif": (gif(640, 360), UPRIGHT_SIZE),
    **{f"jpeg {n}": (jpeg(640, 360, n), UPRIGHT_SIZE) for n in (1, 2, 3, 4)},
    **{f"jpeg {n}": (jpeg(640, 360, n), TURNED_SIZE) for n in (5, 6, 7, 8)},
    "jpeg little-endian": (jpeg(640, 360, 6, "<"), TURNED_SIZE),
    **{f"webp {kind!r}": (webp(640, 360, kind), UPRIGHT_SIZE)
       for kind in (b"VP8 ", b"VP8L", b"VP8X")},
    "mp4": (mp4(640, 360, 2.5), VIDEO),
    "mp4 version 1": (mp4(0, 0, 0, *LONG), VIDEO),
    "mp4 rotated": (mp4(0, 0, 0, movie_header(2.5), track(640, 360, ROTATED)),
                    Dimensions(360, 640, 2.5)),
    "mp4 fragmented": (mp4(0, 0, 0, *FRAGMENTED), VIDEO),
    "mp4 fragmented, long": (mp4(0, 0, 0, *FRAGMENTED_LONG), VIDEO),
    "mp4 of unknown length": (mp4(0, 0, 0, *ENDLESS), UPRIGHT_SIZE),
    "mp4 without tracks": (mp4(0, 0, 0, movie_header(2.5)), Dimensions(seconds=2.5)),
    "mov": (mp4(640, 360, 2.5, brand=b"qt  "), VIDEO),
    "webm": (webm(640, 360, 2.5), VIDEO),
    "webm with a float": (webm(640, 360, 2.5, length=">f"), VIDEO),
    "webm of unknown length": (webm(640, 360, 0), UPRIGHT_SIZE),
}  # fmt: skip


class _CountingReader(io.BytesIO):
    """Counts reads and their bytes."""

    reads = 0
    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0
        self.reads += 1
        self.bytes_read += size
        return super().read(size)


def get_mime(data: bytes) -> str:
    mime = detect_mime(data[:HEAD_BYTES])
    assert mime is not None
    return mime


@pytest.mark.parametrize("name", FILES)
def test_dimensions_of_each_file_type_are_read(name: str) -> None:
    data, expected = FILES[name]
    assert find_corruption(io.BytesIO(data), get_mime(data), len(data)) is None
    assert read_dimensions(io.BytesIO(data), get_mime(data)) == expected


def test_every_format_is_read() -> None:
    assert {get_mime(data) for data, _ in FILES.values()} == set(MEDIA_TYPES)


def test_dimensions_of_other_files_are_unknown() -> None:
    assert read_dimensions(io.BytesIO(b"%PDF-1.4"), "application/pdf") == UNKNOWN
    for mime in MEDIA_TYPES:
        assert read_dimensions(io.BytesIO(b""), mime) == UNKNOWN
        assert read_dimensions(io.BytesIO(bytes(1000)), mime) == UNKNOWN


@given(
    data=st.data(), name=st.sampled_from([*FILES, *WHOLE]),
    noise=st.lists(st.tuples(st.integers(0, 5000), st.binary(min_size=1, max_size=12)), max_size=6),
)  # fmt: skip
def test_damaged_file_never_fails_and_is_read_in_bounds(
    data: st.DataObject, name: str, noise: list[tuple[int, bytes]]
) -> None:
    whole = FILES[name][0] if name in FILES else WHOLE[name]
    damaged = bytearray(whole)
    for position, replacement in noise:
        start = position % len(whole)
        damaged[start : start + len(replacement)] = replacement
    content = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for mime in {get_mime(whole), data.draw(st.sampled_from(MEDIA_TYPES))}:
        stream = _CountingReader(content)
        width, height, seconds = read_dimensions(stream, mime)
        assert (width is None) == (height is None)
        assert width is None or (width > 0 and height is not None and height > 0)
        assert seconds is None or 0 < seconds < float("inf")
        assert stream.reads <= 2_000
        assert stream.bytes_read <= 100_000


@pytest.mark.parametrize(
    ("mime", "content"),
    [
        ("video/mp4", box(b"moov", *[box(b"trak", *[box(b"free")] * 100)] * 1_000)),
        ("video/mp4", box(b"free") * 100_000),
        ("video/webm", b"\x1a\x45\xdf\xa3\x80" + b"\xec\x80" * 100_000),
        ("image/jpeg", b"\xff\xd8" + b"\xff" * 100_000),
        ("image/jpeg", b"\xff\xd8" + b"\xff\xe1\xff\xff" * 10),
    ],
)
def test_hostile_file_is_read_in_bounds(mime: str, content: bytes) -> None:
    stream = _CountingReader(content)
    assert read_dimensions(stream, mime) == UNKNOWN
    assert stream.reads <= 2_000


def test_dimensions_of_a_file_are_read_once(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(mp4(640, 360, 2.5))
    file = inspect(path, StorageLimits())
    assert file.dimensions == VIDEO
    assert hash_file(file).dimensions == VIDEO
    # Read once.
    path.unlink()
    assert file.to_media().read() == VIDEO


def test_dimensions_of_a_changed_file_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "hero.png"
    path.write_bytes(png(640, 360))
    file = inspect(path, StorageLimits())
    path.write_bytes(png(1, 1, padding=100))
    os.utime(path, ns=(0, 0))
    assert file.dimensions == UNKNOWN
    path.unlink()
    assert file.to_media().read() == UNKNOWN
