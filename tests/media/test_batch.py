"""Uploads that a signal stops at any point."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from outreply_cli.cancellation import CancellationToken
from outreply_cli.commands.interrupts import interruptible
from outreply_cli.context import Context
from outreply_cli.errors import InterruptedRunError, OutReplyError
from outreply_cli.media.batch import UploadBatch, ValidatedUploads
from outreply_cli.media.files import InspectedFile, StorageLimits, inspect
from outreply_cli.media.uploader import Uploader
from outreply_cli.ui.progress import UploadProgress
from tests.media.sample_files import png

INTERRUPTED = InterruptedRunError("interrupted")


class Refusing:
    """An uploader whose server refuses every file, and a progress that is not shown."""

    def upload(self, *_: object, **_options: object) -> None:
        raise OutReplyError("refused")

    def start(self, *_: object) -> None: ...

    def finish(self, *_: object) -> None: ...


class Interrupted(dict[int, InspectedFile]):
    """Files between which SIGINT arrives, once `before` of them are given out."""

    before = 0

    def items(self) -> Any:
        return self._items()

    def _items(self) -> Iterator[tuple[int, InspectedFile]]:
        for number, item in enumerate(super().items()):
            if number == self.before:
                signal.raise_signal(signal.SIGINT)
            yield item


@pytest.mark.parametrize("before", [0, 1, 2])
def test_interrupt_while_uploads_are_started_is_reported_for_each_file(
    tmp_path: Path, before: int
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png())
    limits = StorageLimits()
    files = Interrupted({index: inspect(path, limits) for index in range(3)})
    files.before = before
    stop = CancellationToken()
    batch = UploadBatch(cast("Uploader", Refusing()), limits, skip_existing=False, stop=stop)
    with interruptible(Context(environ={}), stop, INTERRUPTED):
        report = batch.run(
            ValidatedUploads(["a", "b", "c"], files, {}, []),
            concurrency=1,
            progress=cast("UploadProgress", Refusing()),
        )
    assert report.stopped_by is INTERRUPTED
    errors = [result.error.message for result in report.results if result.error is not None]
    assert errors[:before].count("refused") <= before
    assert errors[before:] == ["not uploaded: interrupted"] * (3 - before)
