"""A file on its way to the API, and how it is looked for when its answer was lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from outreply_cli.errors import OutReplyError

FindUpload = Callable[[], Mapping[str, Any] | None]


class Readable(Protocol):
    """What an upload is read from: how many bytes it has is told by going to its end."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        ...

    def seek(self, place: int, whence: int = 0, /) -> int:
        """Go to the beginning or the end, and tell where that is."""
        ...

    def tell(self) -> int:
        """Where it stands."""
        ...


@dataclass(frozen=True)
class Upload:
    """A file on its way.

    Attributes:
        filename: What the server is told; only its ending matters there.
        mime: What its bytes are.
        stream: Where they come from; read from its beginning each time the file is sent.
        look: Gives the server's object for a file that arrived though its answer was lost, None
            when it surely has none; None where nobody can look.
    """

    filename: str
    mime: str
    stream: Readable
    look: FindUpload | None = None


def find_uploaded(error: OutReplyError, look: FindUpload) -> Mapping[str, Any] | None:
    """What `look` finds of an upload that ended in `error`; raises `error` where it can't tell."""
    try:
        return look()
    except OutReplyError:
        # Nobody can tell now: the failure that made us look is what there is to say.
        error.maybe_applied = True
        raise error from None
