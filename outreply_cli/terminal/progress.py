"""A bar on a terminal while a batch goes on; nothing in a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from outreply_cli.terminal.output import Output


class Progress(Protocol):
    """What a batch tells as it goes on."""

    def step(self, _done: object = None) -> None:
        """One more is done."""


class _Silent:
    def step(self, _done: object = None) -> None:
        pass


@contextmanager
def progress(
    notes: Output, what: str, total: int, status: Callable[[], str] = lambda: ""
) -> Iterator[Progress]:
    """A bar over `total` steps on the terminal behind `notes`; silent elsewhere and with `-q`.

    `status` gives what stands at its end, such as what is left of a limit.
    """
    if not notes.is_terminal or notes.quiet or notes.plain or total == 0:
        yield _Silent()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress as Bar,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from outreply_cli.terminal.tables import console_for

    class _Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = f"{task.speed * 60:.0f}/min" if task.speed else ""
            return Text("  ".join(filter(None, (speed, status()))))

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console_for(notes),
        transient=True,
    )
    task = bar.add_task(what, total=total)

    class _Shown:
        def step(self, _done: object = None) -> None:
            bar.advance(task)

    with bar:
        yield _Shown()
