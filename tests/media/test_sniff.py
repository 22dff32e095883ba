"""What the bytes of a file say against it."""

import io

import pytest
from hypothesis import given, strategies as st

from outreply_cli.media.sniff import describe_unsupported, find_corruption
from outreply_cli.spec.media_types import HEAD_BYTES, mime_of
from tests.media.sample_files import WHOLE, jpeg, png


def problem_of(content: bytes) -> str | None:
    mime = mime_of(content[:HEAD_BYTES])
    assert mime is not None
    return find_corruption(io.BytesIO(content), mime, len(content))


@pytest.mark.parametrize("mime", WHOLE)
def test_a_whole_file_has_no_problem(mime: str) -> None:
    assert mime_of(WHOLE[mime]) == mime
    assert problem_of(WHOLE[mime]) is None
    assert problem_of(WHOLE[mime] + b"\x00" * 100 + b"what cameras leave behind") is None


@pytest.mark.parametrize("mime", WHOLE)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_without_its_end_is_told(mime: str, share: float) -> None:
    content = WHOLE[mime]
    cut = max(HEAD_BYTES // 2, int(len(content) * share))
    problem = problem_of(content[:cut])
    assert problem is not None
    assert "cut off" in problem


@pytest.mark.parametrize("content", [jpeg()[:10], jpeg()[:3], png()[:9], png()[:20]])
def test_a_file_that_hardly_began_is_told(content: bytes) -> None:
    assert "cut off" in str(problem_of(content))


@pytest.mark.parametrize(
    "content",
    [
        jpeg(b"<html><script>alert(1)</script>"),
        jpeg() + b"\n<!DOCTYPE html><body>",
        jpeg() + b"<SCRIPT src=//example.com>",
        png(b"<svg onload=alert(1)>"),
    ],
)
def test_a_picture_that_is_also_a_page_is_told(content: bytes) -> None:
    assert "web page hidden" in str(problem_of(content))


def test_metadata_that_is_xml_is_no_page() -> None:
    packet = b"<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF/></x:xmpmeta>"
    assert problem_of(jpeg(packet)) is None
    assert problem_of(png(packet)) is None


@pytest.mark.parametrize("mime", WHOLE)
@given(content=st.binary(max_size=600))
def test_any_bytes_after_a_beginning_are_judged_without_a_fault(mime: str, content: bytes) -> None:
    start = WHOLE[mime][:12]
    find_corruption(io.BytesIO(start + content), mime, len(start) + len(content))


@given(content=st.binary(max_size=HEAD_BYTES))
def test_whatever_is_no_media_gets_a_word(content: bytes) -> None:
    assert describe_unsupported(content).startswith(("it is ", "its bytes are "))


def test_a_text_in_utf_16_is_read() -> None:
    assert "SVG" in describe_unsupported("\ufeff<svg/>".encode("utf-16-le"))
    assert "SVG" in describe_unsupported("\ufeff<svg/>".encode("utf-16-be"))
