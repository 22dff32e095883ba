"""The progress of uploads, for whatever shows it."""

from typing import Protocol


class UploadProgress(Protocol):
    """Receives the progress of uploads, from any thread."""

    def start(self, index: int, name: str, size: int) -> None:
        """File `index`, of `size` bytes, is about to be sent."""

    def update(self, index: int, sent: int) -> None:
        """`sent` bytes of file `index` have gone out; fewer than before when it is sent again."""

    def finish(self, index: int) -> None:
        """File `index` is finished."""
