"""How uploads go on, for whoever shows it."""


class Watch:
    """Told how uploads go on, from any thread; this one does nothing with it."""

    def begin(self, place: int, name: str, size: int) -> None:
        """A file of `size` bytes is about to be sent."""

    def move(self, place: int, sent: int) -> None:
        """`sent` of its bytes have gone out; fewer than before when it is sent again."""

    def end(self, place: int) -> None:
        """It is done with."""
