"""The interface to whatever shows the progress of uploads."""

from typing import Protocol


class UploadProgress(Protocol):
    """Receives the progress of uploads, from any thread."""

    def start(self, index: int, name: str, size: int) -> None:
        """Called before file `index`, of `size` bytes, is sent."""

    def update(self, index: int, sent: int) -> None:
        """Called when `sent` bytes of file `index` are sent; restarts at 0 on a retry."""

    def finish(self, index: int) -> None:
        """Called when file `index` is finished, or failed."""
