"""Content decoding with a size limit."""

import zlib
from collections.abc import Iterable, Iterator

ACCEPT_ENCODING = "gzip"
_GZIP_WINDOW = 31


class DecodingError(Exception):
    """The content does not match its encoding, or the encoding was not requested."""


class ResponseTooLargeError(Exception):
    """The response exceeds its size limit."""


def decompress(chunks: Iterable[bytes], encoding: str, *, max_bytes: int) -> bytes:
    """Return the decoded content of a response.

    Only a single layer of gzip is decoded, and never past `max_bytes`: a compression bomb
    expands a few bytes to gigabytes.

    Raises:
        DecodingError: The gzip data is invalid, or another encoding is used.
        ResponseTooLargeError: The received or decoded content exceeds `max_bytes`.
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return b"".join(_limit(chunks, max_bytes))
    if encoding not in {ACCEPT_ENCODING, "x-gzip"}:
        raise DecodingError
    decoder, content, is_empty = zlib.decompressobj(_GZIP_WINDOW), bytearray(), True
    try:
        for chunk in _limit(chunks, max_bytes):
            is_empty = is_empty and not chunk
            content += decoder.decompress(chunk, max_bytes + 1 - len(content))
            if len(content) > max_bytes:
                raise ResponseTooLargeError
    except zlib.error:
        raise DecodingError from None
    # A response without content may still name an encoding.
    if not is_empty and (not decoder.eof or decoder.unused_data):
        raise DecodingError
    return bytes(content)


def _limit(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > max_bytes:
            raise ResponseTooLargeError
        yield chunk
