"""Media types and their detection by magic bytes (reference: POST /media/upload)."""

from collections.abc import Mapping

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
VIDEO_TYPES = ("video/mp4", "video/quicktime", "video/webm")
MEDIA_TYPES = (*IMAGE_TYPES, *VIDEO_TYPES)
EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
}
HEAD_BYTES = 64

_MIMES_BY_EXTENSION = {
    **{extension: mime for mime, extension in EXTENSIONS.items()},
    ".jpeg": "image/jpeg",
    ".m4v": "video/mp4",
    ".qt": "video/quicktime",
}

# Major brands of ISO media files that are not videos, and what they are.
OTHER_BRANDS: Mapping[bytes, str] = {
    **dict.fromkeys(
        (b"heic", b"heix", b"heif", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs",
         b"mif1", b"mif2", b"msf1", b"miaf"),
        "a HEIC photo",
    ),
    **dict.fromkeys((b"avif", b"avis", b"avio"), "an AVIF image"),
    **dict.fromkeys((b"avci", b"avcs", b"jxl ", b"jpeg", b"jpgs", b"jp2 ", b"jpx ", b"jpm "),
                    "a photo"),
    b"crx ": "a Canon raw photo",
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ", b"aax ", b"aaxc"),
                    "an audio file"),
}  # fmt: skip


def detect_mime(head: bytes) -> str | None:
    """Return the media type for the first HEAD_BYTES bytes of a file, or None if unsupported."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head:
        return "video/webm"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in OTHER_BRANDS:
            return None
        return "video/quicktime" if brand == b"qt  " else "video/mp4"
    if head[4:8] in {b"moov", b"mdat", b"wide", b"free"}:
        return "video/quicktime"
    return None


def mime_from_name(name: str) -> str | None:
    """Return the media type that the extension of a file name means, or None if unknown."""
    _, dot, extension = name.rpartition(".")
    return _MIMES_BY_EXTENSION.get(dot + extension.lower())


def media_type(mime: str) -> str:
    """The API's name of a MIME type: `photo` or `video`."""
    return "photo" if mime in IMAGE_TYPES else "video"
