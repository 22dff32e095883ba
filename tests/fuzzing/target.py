"""What is fuzzed: a name, inputs to begin with, and a check that any bytes at all must pass."""

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
    """One reader and what must hold of it.

    Attributes:
        name: As the command line and the corpus know it.
        check: Takes any bytes; whatever it raises is a finding.
        seeds: What inputs are made from.
        words: What is put into them.
        smoke: How many inputs the ordinary tests try.
    """

    name: str
    check: Callable[[bytes], None]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = field(default=())
    smoke: int = 300

    def __call__(self, data: bytes) -> None:
        """Check an input; returns where it passes or is refused as declared."""
        with suppress(Refused):
            self.check(data)

    @property
    def corpus(self) -> list[Path]:
        """Inputs that once were findings."""
        return sorted((REGRESSIONS / self.name).glob("*"))


class Refused(Exception):  # noqa: N818 - an outcome, not an error of the test
    """The reader said no, in the way it declares."""


@contextmanager
def declared(*kinds: type[Exception]) -> Iterator[None]:
    """Make a declared refusal `Refused`, once it was seen to be one for people."""
    try:
        yield
    except kinds as error:
        if isinstance(error, OutReplyError):
            assert error.message.strip(), "an error without a message"
            assert error.hint is None or error.hint.strip(), "an empty hint"
        raise Refused from None


class Taken:
    """An input cut into the parts that a check needs; what is missing is empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self, most: int) -> int:
        """A number below `most`, from one byte."""
        first, self._data = self._data[:1], self._data[1:]
        return first[0] % most if first else 0

    def part(self) -> bytes:
        """What stands before the next NUL NUL."""
        found, _, self._data = self._data.partition(b"\0\0")
        return found

    def rest(self) -> bytes:
        """All that is left."""
        return self._data


@cache
def scratch() -> Path:
    """A directory of this process, gone with it."""
    path = Path(tempfile.mkdtemp(prefix="fuzzing-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def as_argument(data: bytes) -> str:
    """Bytes as a command line brings them: what is no UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def as_text(data: bytes) -> str:
    """Bytes as a text that JSON brought: any character, lone surrogates among them."""
    return data.decode("utf-8", "replace").replace("\ufffd", "\ud800")
