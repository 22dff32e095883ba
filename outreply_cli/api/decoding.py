"""An answer's bytes, unpacked no further than an answer may go."""

import zlib
from collections.abc import Iterable

ACCEPTED = "gzip"
_GZIP_WINDOW = 31


class DecodingError(Exception):
    """The bytes are not what their encoding says, or it is none that was asked for."""


class ResponseTooLargeError(Exception):
    """There is more than an answer may have."""


def decompress(chunks: Iterable[bytes], encoding: str, *, most: int) -> bytes:
    """The content of an answer.

    A few bytes can stand for thousands, and in several layers for millions: so there is one layer
    at most, and of it no more is unpacked than may be kept.

    Args:
        chunks: As they come from the network.
        encoding: The answer's `Content-Encoding`, nothing where it has none.
        most: How many bytes may come, and may come of them.

    Raises:
        UnpackingError: It is no sound gzip, or encoded in another way or more than once.
        TooLargeError: It is more than `most`.
    """
    named = encoding.strip().lower()
    if named in {"", "identity"}:
        return b"".join(_counted(chunks, most))
    if named not in {ACCEPTED, "x-gzip"}:
        raise DecodingError
    decoder, content, came = zlib.decompressobj(_GZIP_WINDOW), bytearray(), False
    try:
        for chunk in _counted(chunks, most):
            came = came or bool(chunk)
            content += decoder.decompress(chunk, most + 1 - len(content))
            if len(content) > most:
                raise ResponseTooLargeError
    except zlib.error:
        raise DecodingError from None
    # An answer without content may name an encoding all the same.
    if came and (not decoder.eof or decoder.unused_data):
        raise DecodingError
    return bytes(content)


def _counted(chunks: Iterable[bytes], most: int) -> Iterable[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > most:
            raise ResponseTooLargeError
        yield chunk
