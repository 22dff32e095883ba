"""Content decoding with a size limit."""

import zlib
from collections.abc import Iterable, Iterator

ACCEPT_ENCODING = "gzip"
_GZIP_WINDOW = 31
# Data is decoded in small pieces: zlib copies the rest of a piece after each gzip member.
_PIECE_BYTES = 4096


class DecodingError(Exception):
    """The content does not match its encoding, or the encoding was not requested."""


class ResponseTooLargeError(Exception):
    """The response exceeds its size limit."""


def decompress(chunks: Iterable[bytes], encoding: str, *, max_bytes: int) -> bytes:
    """Return the decoded content of a response.

    Only a single layer of gzip is decoded, of one or more members (RFC 1952), and never past
    `max_bytes`: a compression bomb expands a few bytes to gigabytes.

    Raises:
        DecodingError: The gzip data is invalid, or another encoding is used.
        ResponseTooLargeError: The received or decoded content exceeds `max_bytes`.
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return b"".join(_limit(chunks, max_bytes))
    if encoding not in {ACCEPT_ENCODING, "x-gzip"}:
        raise DecodingError
    decoder, content = None, bytearray()
    try:
        for piece in _pieces(_limit(chunks, max_bytes)):
            rest = piece
            while rest:
                if decoder is None:
                    decoder = zlib.decompressobj(_GZIP_WINDOW)
                content += decoder.decompress(rest, max_bytes + 1 - len(content))
                if len(content) > max_bytes:
                    raise ResponseTooLargeError
                rest = decoder.unused_data
                if decoder.eof:
                    decoder = None
    except zlib.error:
        raise DecodingError from None
    # A response without content may still name an encoding.
    if decoder is not None:
        raise DecodingError
    return bytes(content)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield chunk[start : start + _PIECE_BYTES]


def _limit(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > max_bytes:
            raise ResponseTooLargeError
        yield chunk
