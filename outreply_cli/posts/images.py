"""Small copies of images for previews, as `data:` URIs."""

import base64
import io
from collections.abc import Iterable

from outreply_cli.media.files import MediaFile, MediaFileError, VerifiedReader

_SIDE_PIXELS = 560
_QUALITY = 78
_MAX_PIXELS = 100_000_000
_MAX_FILE_BYTES = 64 * 1024 * 1024
# Without Pillow, an image is embedded as it is.
_MAX_UNSCALED_BYTES = 200_000
# Common limit of mail servers.
_MAX_TOTAL_BYTES = 20_000_000


def embed_images(files: Iterable[MediaFile]) -> dict[str, str]:
    """Return `data:` URIs of images by the digest of their file, at most 20 MB together.

    Images that cannot be scaled down are left out: large ones without Pillow, damaged ones.
    """
    embedded: dict[str, str] = {}
    left = _MAX_TOTAL_BYTES
    for file in {file.sha256: file for file in files}.values():
        small_image = _make_thumbnail(file) if file.mime.startswith("image/") else None
        if small_image is not None and len(small_image[1]) <= left:
            mime, content = small_image
            left -= len(content)
            embedded[file.sha256] = f"data:{mime};base64,{base64.b64encode(content).decode()}"
    return embedded


def _make_thumbnail(file: MediaFile) -> tuple[str, bytes] | None:
    """Return the MIME type and the content of a small copy, if there can be one."""
    pixels = (file.dimensions.width or 0) * (file.dimensions.height or 0)
    if file.size > _MAX_FILE_BYTES or pixels > _MAX_PIXELS:
        return None
    try:
        with VerifiedReader(file) as stream:
            content = stream.read()
    except MediaFileError:
        return None
    try:
        from PIL import Image, ImageOps
    except ImportError:
        return (file.mime, content) if file.size <= _MAX_UNSCALED_BYTES else None
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "GIF", "WEBP")) as image:
            image.draft("RGB", (_SIDE_PIXELS, _SIDE_PIXELS))
            small = ImageOps.exif_transpose(image).convert("RGBA")
            small.thumbnail((_SIDE_PIXELS, _SIDE_PIXELS))
            flat = Image.new("RGB", small.size, "white")
            flat.paste(small, mask=small)
            out = io.BytesIO()
            flat.save(out, "JPEG", quality=_QUALITY, optimize=True)
    # A damaged image makes the library fail in many ways.
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, SyntaxError,
            Image.DecompressionBombError):  # fmt: skip
        return None
    return "image/jpeg", out.getvalue()
