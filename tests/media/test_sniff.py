"""Detection of unsupported and damaged media files."""

import io

import pytest
from hypothesis import given, strategies as st

from outreply_cli.media.sniff import MediaProblem, describe_unsupported, find_corruption
from outreply_cli.spec.media_types import HEAD_BYTES, detect_mime
from tests.media.sample_files import WHOLE, gif, jpeg, mp4, png, webp


def find_problem(content: bytes) -> MediaProblem | None:
    mime = detect_mime(content[:HEAD_BYTES])
    assert mime is not None
    return find_corruption(io.BytesIO(content), mime, len(content))


@pytest.mark.parametrize("mime", WHOLE)
def test_complete_file_has_no_problem(mime: str) -> None:
    assert detect_mime(WHOLE[mime]) == mime
    assert find_problem(WHOLE[mime]) is None
    assert find_problem(WHOLE[mime] + b"\x00" * 100 + b"trailing bytes of a camera") is None


@pytest.mark.parametrize("mime", WHOLE)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_file_is_reported(mime: str, share: float) -> None:
    content = WHOLE[mime]
    cut = max(HEAD_BYTES // 2, int(len(content) * share))
    problem = find_problem(content[:cut])
    assert problem is not None
    assert "truncated" in problem.message


@pytest.mark.parametrize(
    ("content", "is_warning"),
    [
        (jpeg()[:-2], True),
        (jpeg()[:-60], True),
        (jpeg()[:30], False),
        (png()[:-12], True),
        (png()[:-13], False),
        (png()[:-1], False),
        (png()[:33], False),
        (gif()[:-1], True),
        (gif()[:-3], False),
        (mp4()[:-1], False),
    ],
)
def test_missing_end_marker_is_a_warning(content: bytes, is_warning: bool) -> None:
    problem = find_problem(content)
    assert problem is not None
    assert problem.is_warning == is_warning


def test_webp_without_its_padding_is_accepted() -> None:
    assert find_problem(webp()[:-1]) is None
    assert find_problem(webp()[:-2]) is not None


@pytest.mark.parametrize("content", [jpeg()[:10], jpeg()[:3], png()[:9], png()[:20]])
def test_truncated_header_is_reported(content: bytes) -> None:
    assert "truncated" in str(find_problem(content))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8\xff<html><script>alert(1)</script>",
        b"\x89PNG\r\n\x1a\n<svg onload=alert(1)>",
        b"GIF89a<script>alert(1)</script>",
        b"\x00\x00\x00\x10ftypmp42" + bytes(4) + b"<html >",
        jpeg() + b"\n<!DOCTYPE html><body>",
        jpeg() + b"<SCRIPT src=//example.com>",
        png() + b"<svg onload=alert(1)>",
    ],
)
def test_hidden_web_page_is_an_error(content: bytes) -> None:
    problem = find_problem(content)
    assert problem is not None
    assert "web page hidden" in problem.message
    assert "export it again" in problem.message
    assert not problem.is_warning


@pytest.mark.parametrize(
    "comment",
    [
        b"<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF/></x:xmpmeta>",
        b'<svg width="10">logo</svg> exported from the design tool',
        b" made by our <body > paint team",
        b"<html><script>alert(1)</script>",
        b"<!DOCTYPE html>" * 1_000,
    ],
)
def test_markup_in_a_comment_is_not_a_web_page(comment: bytes) -> None:
    assert find_problem(jpeg(comment)) is None
    assert find_problem(png(comment)) is None
    assert find_problem(mp4() + b"\x00\x00\x40\x00udta" + comment.ljust(0x3FF8)) is None
    content = gif()[:-1] + b"!\xfe" + bytes([len(comment[:255])]) + comment[:255] + b"\x00;"
    assert find_problem(content) is None


@pytest.mark.parametrize(
    ("brand", "kind"),
    [
        (b"M4A ", "audio"), (b"M4B ", "audio"), (b"M4P ", "audio"), (b"F4A ", "audio"),
        (b"crx ", "Canon raw"), (b"heim", "HEIC"), (b"heis", "HEIC"), (b"heic", "HEIC"),
        (b"mif1", "HEIC"), (b"avif", "AVIF"), (b"avcs", "photo"), (b"jxl ", "photo"),
    ],
)  # fmt: skip
def test_brands_that_are_not_videos_are_unsupported_and_described(brand: bytes, kind: str) -> None:
    head = mp4(brand)[:HEAD_BYTES]
    assert detect_mime(head) is None
    assert kind in describe_unsupported(head)


@pytest.mark.parametrize("brand", [b"isom", b"mp41", b"avc1", b"M4V ", b"3gp4", b"dash", b"f4v "])
def test_brands_of_videos_are_detected_as_mp4(brand: bytes) -> None:
    assert detect_mime(mp4(brand)[:HEAD_BYTES]) == "video/mp4"


@pytest.mark.parametrize("mime", WHOLE)
@given(content=st.binary(max_size=600))
def test_find_corruption_survives_random_bytes(mime: str, content: bytes) -> None:
    start = WHOLE[mime][:12]
    find_corruption(io.BytesIO(start + content), mime, len(start) + len(content))


@given(content=st.binary(max_size=HEAD_BYTES))
def test_description_of_random_bytes_names_the_accepted_formats(content: bytes) -> None:
    assert "the API accepts JPEG, PNG, GIF, WebP, MP4, MOV and WebM" in describe_unsupported(
        content
    )


def test_svg_in_utf_16_is_described_as_svg() -> None:
    assert "SVG" in describe_unsupported("\ufeff<svg/>".encode("utf-16-le"))
    assert "SVG" in describe_unsupported("\ufeff<svg/>".encode("utf-16-be"))
