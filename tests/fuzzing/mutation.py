"""Inputs made from seeds: bits, bytes, words and pieces, changed a few times over."""

import random
from collections.abc import Callable, Sequence

_LONGEST = 20_000
_NASTY = (
    b"\0", b"\xff", b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b"\r\n", b"\t", b'"',
    b"'", b"\\", b",", b";", b":", b"=", b"%", b"[", b"]", b"{", b"}", b"(", b")", b"<", b"&", b"*",
    b"-", b"+", b"@", b"\x1b[2J", b"\x7f", b"\xc2\x85", b"\xc2\x9b", b"\xc2\xa0", b"\xe2\x80\xa8",
    b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xe2\x80\x8d", b"\xed\xa0\x80", b"\xf0\x9f\x8c\xb1",
    b"\xcc\x81", b"\xf3\xa0\x81\xa7", b"\xe3\x80\x80", b"\xd9\xa3", b"\xc2\xb2", b"\xc4\xb0", b"0",
    b"-1", b"00", b"2147483648", b"9223372036854775808", b"1e999", b"nan", b"null", b"true",
    b"9" * 30,
)  # fmt: skip


class Mutator:
    """Makes inputs without end; the same ones for the same seed.

    Args:
        seeds: What they are made from.
        words: What is put into them besides bytes that often matter.
        chance: Decides.
    """

    def __init__(
        self, seeds: Sequence[bytes], words: Sequence[bytes], chance: random.Random
    ) -> None:
        self._pool = list(seeds) or [b""]
        self._words = [*words, *_NASTY]
        self._chance = chance
        self._changes: tuple[Callable[[bytes, int, int], bytes], ...] = (
            self._flip, self._replace, self._insert_word, self._insert_word, self._remove,
            self._repeat, self._splice, self._swap, self._new_bytes,
        )  # fmt: skip

    def next(self) -> bytes:
        """The next input."""
        chance = self._chance
        data = chance.choice(self._pool)
        # Few changes keep an input nearly right: those get furthest into a reader.
        for _ in range(1 + int(chance.expovariate(0.5))):
            begin = chance.randrange(len(data) + 1)
            end = min(len(data), begin + 1 + int(chance.expovariate(0.15)))
            data = chance.choice(self._changes)(data, begin, end)
        return data[:_LONGEST]

    def _flip(self, data: bytes, begin: int, end: int) -> bytes:
        if begin == end:
            return data
        return data[:begin] + bytes([data[begin] ^ 1 << self._chance.randrange(8)]) + data[end:]

    def _replace(self, data: bytes, begin: int, end: int) -> bytes:
        return data[:begin] + self._chance.choice(self._words) + data[end:]

    def _insert_word(self, data: bytes, begin: int, _: int) -> bytes:
        return data[:begin] + self._chance.choice(self._words) + data[begin:]

    def _remove(self, data: bytes, begin: int, end: int) -> bytes:
        return data[:begin] + data[end:]

    def _repeat(self, data: bytes, begin: int, end: int) -> bytes:
        times = self._chance.choice((2, 2, 3, 10, 100, 1_000))
        return data[:begin] + (data[begin:end] * times)[:_LONGEST] + data[end:]

    def _splice(self, data: bytes, begin: int, _: int) -> bytes:
        other = self._chance.choice(self._pool)
        return data[:begin] + other[self._chance.randrange(len(other) + 1) :]

    def _swap(self, data: bytes, begin: int, end: int) -> bytes:
        other = self._chance.randrange(len(data) + 1)
        return data[:begin] + data[other : other + end - begin] + data[end:]

    def _new_bytes(self, data: bytes, begin: int, end: int) -> bytes:
        return data[:begin] + self._chance.randbytes(end - begin) + data[end:]
