"""Fuzzing targets: a name, seed inputs, and a check that any input must pass."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from outreply_cli.errors import OutReplyError

REGRESSIONS = Path(__file__).parent / "regressions"


@dataclass(frozen=True)
class Target:
    """A fuzzing target.

    Attributes:
        name: Name on the command line and in the corpus.
        check: Function of the input; anything it raises is a finding.
        seeds: Inputs to mutate.
        words: Tokens to insert.
        smoke: Number of inputs in the test suite.
    """

    name: str
    check: Callable[[bytes], None]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = field(default=())
    smoke: int = 300

    def __call__(self, data: bytes) -> None:
        """Check an input; an expected error counts as a pass."""
        with suppress(Refused):
            self.check(data)

    @property
    def corpus(self) -> list[Path]:
        """Inputs from earlier findings."""
        return sorted((REGRESSIONS / self.name).glob("*"))


class Refused(Exception):  # noqa: N818 - an outcome, not an error of the test
    """The parser rejected the input with an expected error."""


@contextmanager
def expect_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn expected errors into `Refused`; check that they have a message."""
    try:
        yield
    except kinds as error:
        if isinstance(error, OutReplyError):
            assert error.message.strip(), "an error without a message"
            assert error.hint is None or error.hint.strip(), "an empty hint"
        raise Refused from None


class InputReader:
    """Cuts an input into the parts that a check needs; missing parts are empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self, limit: int) -> int:
        """Read a number below `limit` from one byte."""
        first, self._data = self._data[:1], self._data[1:]
        return first[0] % limit if first else 0

    def part(self) -> bytes:
        """Read the bytes before the next pair of NUL bytes."""
        part, _, self._data = self._data.partition(b"\0\0")
        return part

    def rest(self) -> bytes:
        """Read the remaining bytes."""
        return self._data


@cache
def scratch() -> Path:
    """Create a directory that is deleted at exit."""
    path = Path(tempfile.mkdtemp(prefix="fuzzing-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def as_argument(data: bytes) -> str:
    """Decode as Python decodes arguments: invalid UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def as_text(data: bytes) -> str:
    """Decode to any text that JSON can hold, including lone surrogates."""
    return data.decode("utf-8", "replace").replace("\ufffd", "\ud800")
