"""Detection of unsupported and damaged media files."""

import io

import pytest
from hypothesis import given, strategies as st

from outreply_cli.media.sniff import describe_unsupported, find_corruption
from outreply_cli.spec.media_types import HEAD_BYTES, detect_mime
from tests.media.sample_files import WHOLE, jpeg, png


def find_problem(content: bytes) -> str | None:
    mime = detect_mime(content[:HEAD_BYTES])
    assert mime is not None
    return find_corruption(io.BytesIO(content), mime, len(content))


@pytest.mark.parametrize("mime", WHOLE)
def test_complete_file(mime: str) -> None:
    assert detect_mime(WHOLE[mime]) == mime
    assert find_problem(WHOLE[mime]) is None
    assert find_problem(WHOLE[mime] + b"\x00" * 100 + b"trailing bytes of a camera") is None


@pytest.mark.parametrize("mime", WHOLE)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_file(mime: str, share: float) -> None:
    content = WHOLE[mime]
    cut = max(HEAD_BYTES // 2, int(len(content) * share))
    problem = find_problem(content[:cut])
    assert problem is not None
    assert "truncated" in problem


@pytest.mark.parametrize("content", [jpeg()[:10], jpeg()[:3], png()[:9], png()[:20]])
def test_truncated_header(content: bytes) -> None:
    assert "truncated" in str(find_problem(content))


@pytest.mark.parametrize(
    "content",
    [
        jpeg(b"<html><script>alert(1)</script>"),
        jpeg() + b"\n<!DOCTYPE html><body>",
        jpeg() + b"<SCRIPT src=//example.com>",
        png(b"<svg onload=alert(1)>"),
    ],
)
def test_hidden_web_page(content: bytes) -> None:
    assert "web page hidden" in str(find_problem(content))


def test_xmp_metadata_is_not_a_web_page() -> None:
    packet = b"<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF/></x:xmpmeta>"
    assert find_problem(jpeg(packet)) is None
    assert find_problem(png(packet)) is None


@pytest.mark.parametrize("mime", WHOLE)
@given(content=st.binary(max_size=600))
def test_find_corruption_random_bytes(mime: str, content: bytes) -> None:
    start = WHOLE[mime][:12]
    find_corruption(io.BytesIO(start + content), mime, len(start) + len(content))


@given(content=st.binary(max_size=HEAD_BYTES))
def test_describe_unsupported_random_bytes(content: bytes) -> None:
    assert "the API accepts JPEG, PNG, GIF, WebP, MP4, MOV and WebM" in describe_unsupported(
        content
    )


def test_describe_unsupported_utf_16() -> None:
    assert "SVG" in describe_unsupported("\ufeff<svg/>".encode("utf-16-le"))
    assert "SVG" in describe_unsupported("\ufeff<svg/>".encode("utf-16-be"))
