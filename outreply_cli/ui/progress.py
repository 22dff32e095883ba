"""Progress bars on a terminal; nothing in a pipe."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from outreply_cli.formats.sanitize import sanitize
from outreply_cli.ui.output import Output

# Faster than any account may send.
_MAX_RATE = 10_000

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress, ProgressColumn, TaskID


class UploadProgress:
    """Receives the progress of uploads, from any thread, and shows nothing."""

    def start(self, index: int, name: str, size: int) -> None:
        """File `index`, of `size` bytes, is about to be sent."""

    def update(self, index: int, sent: int) -> None:
        """`sent` bytes of file `index` were sent; fewer than before when it is sent again."""

    def finish(self, index: int) -> None:
        """File `index` is finished."""


@contextmanager
def progress(
    notes: Output, label: str, total: int, status: Callable[[], str] = lambda: ""
) -> Iterator[Callable[..., None]]:
    """A progress bar on the terminal of `notes`; silent elsewhere, with `-q` and with `--plain`.

    Yields the function to call after each step, with any argument or none.

    Args:
        notes: stderr.
        label: The text before the bar.
        total: The number of steps.
        status: Returns the text after the bar, such as the remaining rate limit.
    """
    if not _can_show(notes) or total == 0:
        yield lambda *_: None
        return
    from rich import progress as bars
    from rich.text import Text

    class _Rate(bars.ProgressColumn):
        def render(self, task: bars.Task) -> Text:
            # The first steps may take no time at all.
            per_minute = (task.speed or 0) * 60
            speed = f"{per_minute:.0f}/min" if 0 < per_minute < _MAX_RATE else ""
            return Text("  ".join(filter(None, (speed, status()))))

    bar = _new_bar(notes, bars.MofNCompleteColumn(), _Rate())
    task = bar.add_task(label, total=total)
    with bar:
        yield lambda *_: bar.advance(task)


@contextmanager
def upload_bars(notes: Output, sizes: Sequence[int]) -> Iterator[UploadProgress]:
    """A progress bar per file and one for all, on the terminal of `notes`.

    Silent elsewhere, with `-q` and with `--plain`.

    Args:
        notes: stderr.
        sizes: Sizes of all files in bytes.
    """
    if not _can_show(notes) or not sizes:
        yield UploadProgress()
        return
    from rich import progress as bars

    bar = _new_bar(notes, bars.DownloadColumn(binary_units=True), bars.TransferSpeedColumn())
    with bar:
        yield _UploadBars(bar, sizes, name_width=max(12, notes.width // 3))


def _can_show(notes: Output) -> bool:
    return notes.is_terminal and not notes.quiet and not notes.plain


def _new_bar(notes: Output, *columns: "ProgressColumn") -> "RichProgress":
    """A bar with its label before it, and `columns` and the remaining time after it."""
    from rich import progress as bars

    return bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(bar_width=None),
        *columns,
        bars.TimeRemainingColumn(),
        console=notes.console,
        transient=True,
    )


class _UploadBars(UploadProgress):
    def __init__(self, bar: "RichProgress", sizes: Sequence[int], *, name_width: int) -> None:
        self._bar = bar
        self._name_width = name_width
        self._lock = threading.Lock()
        self._tasks: dict[int, tuple[TaskID, int]] = {}
        self._sent: dict[int, int] = {}
        self._total = bar.add_task(f"Total of {len(sizes)}", total=sum(sizes))

    def start(self, index: int, name: str, size: int) -> None:
        from outreply_cli.ui.cells import fit

        shown = fit(sanitize(name), self._name_width)
        with self._lock:
            self._tasks[index] = self._bar.add_task(shown, total=size), size

    def update(self, index: int, sent: int) -> None:
        with self._lock:
            self._show(index, self._tasks[index][0], sent)

    def finish(self, index: int) -> None:
        with self._lock:
            if index in self._tasks:
                task, size = self._tasks.pop(index)
                self._show(index, task, size)
                self._bar.remove_task(task)

    def _show(self, index: int, task: "TaskID", sent: int) -> None:
        self._sent[index] = sent
        self._bar.update(task, completed=sent)
        self._bar.update(self._total, completed=sum(self._sent.values()))
