"""Mutation of seed inputs: bits, bytes, words and slices."""

import random
from collections.abc import Callable, Sequence

_MAX_LENGTH = 20_000
_SPECIAL = (
    b"\0", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b"\r\n", b"\t", b'"',
    b"'", b"\\", b",", b";", b":", b"=", b"%", b"[", b"]", b"{", b"}", b"(", b")", b"<", b"&", b"*",
    b"-", b"+", b"@", b"\x1b[2J", b"\x7f", b"\xc2\x85", b"\xc2\x9b", b"\xc2\xa0", b"\xe2\x80\xa8",
    b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xe2\x80\x8d", b"\xed\xa0\x80", b"\xf0\x9f\x8c\xb1",
    b"\xcc\x81", b"\xf3\xa0\x81\xa7", b"\xe3\x80\x80", b"\xd9\xa3", b"\xc2\xb2", b"\xc4\xb0", b"0",
    b"-1", b"00", b"2147483648", b"9223372036854775808", b"1e999", b"nan", b"null", b"true",
    b"9" * 30,
)  # fmt: skip


class Mutator:
    """Generates inputs; the same ones for the same random seed.

    Args:
        seeds: Inputs to mutate.
        words: Tokens to insert, besides common special bytes.
        generator: Source of randomness.
    """

    def __init__(
        self, seeds: Sequence[bytes], words: Sequence[bytes], generator: random.Random
    ) -> None:
        self._pool = list(seeds) or [b""]
        self._words = [*words, *_SPECIAL]
        self._generator = generator
        self._mutations: tuple[Callable[[bytes, int, int], bytes], ...] = (
            self._flip, self._replace, self._insert_word, self._insert_word, self._remove,
            self._repeat, self._splice, self._swap, self._new_bytes,
        )  # fmt: skip

    def next(self) -> bytes:
        """Generate the next input."""
        generator = self._generator
        data = generator.choice(self._pool)
        # Inputs with few changes get furthest into a parser.
        for _ in range(1 + int(generator.expovariate(0.5))):
            start = generator.randrange(len(data) + 1)
            end = min(len(data), start + 1 + int(generator.expovariate(0.15)))
            data = generator.choice(self._mutations)(data, start, end)
        return data[:_MAX_LENGTH]

    def _flip(self, data: bytes, start: int, end: int) -> bytes:
        if start == end:
            return data
        return data[:start] + bytes([data[start] ^ 1 << self._generator.randrange(8)]) + data[end:]

    def _replace(self, data: bytes, start: int, end: int) -> bytes:
        return data[:start] + self._generator.choice(self._words) + data[end:]

    def _insert_word(self, data: bytes, start: int, _: int) -> bytes:
        return data[:start] + self._generator.choice(self._words) + data[start:]

    def _remove(self, data: bytes, start: int, end: int) -> bytes:
        return data[:start] + data[end:]

    def _repeat(self, data: bytes, start: int, end: int) -> bytes:
        times = self._generator.choice((2, 2, 3, 10, 100, 1_000))
        return data[:start] + (data[start:end] * times)[:_MAX_LENGTH] + data[end:]

    def _splice(self, data: bytes, start: int, _: int) -> bytes:
        other = self._generator.choice(self._pool)
        return data[:start] + other[self._generator.randrange(len(other) + 1) :]

    def _swap(self, data: bytes, start: int, end: int) -> bytes:
        other = self._generator.randrange(len(data) + 1)
        return data[:start] + data[other : other + end - start] + data[end:]

    def _new_bytes(self, data: bytes, start: int, end: int) -> bytes:
        return data[:start] + self._generator.randbytes(end - start) + data[end:]
