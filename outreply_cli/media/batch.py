"""Concurrent uploads of several files, all of them checked first."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum

from outreply_cli.api.errors import PermissionDeniedError, stops_batch
from outreply_cli.cancellation import CancellationToken
from outreply_cli.errors import InterruptedRunError, OutReplyError
from outreply_cli.formats.sizes import format_size
from outreply_cli.media.files import (
    InspectedFile,
    MediaFileError,
    StorageLimits,
    hash_file,
    inspect,
)
from outreply_cli.media.sources import STDIN, Candidate
from outreply_cli.media.uploader import Uploader
from outreply_cli.ui.progress import UploadProgress

_POLL_SECONDS = 0.2


class UploadStatus(StrEnum):
    """Status of a file."""

    UPLOADED = "uploaded"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class FileResult:
    """Result of one file, with its media ID if the server has it."""

    name: str
    status: UploadStatus
    file: InspectedFile | None = None
    media_id: str | None = None
    error: OutReplyError | None = None


@dataclass(frozen=True)
class ValidatedUploads:
    """Inspected files; nothing has been sent.

    Attributes:
        files: Files to upload by their index in `names`.
        failed: Results of invalid files by their index.
        skipped: Names of a directory's files that are not media.
    """

    names: list[str]
    files: dict[int, InspectedFile]
    failed: dict[int, FileResult]
    skipped: list[str]


@dataclass(frozen=True)
class BatchReport:
    """Results of all files in the given order, and the error that stopped the batch, if any.

    `storage_left` is in bytes; None if no upload returned it.
    """

    results: list[FileResult]
    storage_left: int | None = None
    stopped_by: OutReplyError | None = None


class UploadBatch:
    """The uploads of one command.

    Args:
        uploader: Uploads one file.
        limits: Limits of the account.
        skip_existing: Whether known content is not sent again.
        stop: Aborts the uploads when it is set, by another thread or a signal handler.
    """

    def __init__(
        self,
        uploader: Uploader,
        limits: StorageLimits,
        *,
        skip_existing: bool,
        stop: CancellationToken,
    ) -> None:
        self._uploader = uploader
        self._limits = limits
        self._skip_existing = skip_existing
        self._stop = stop
        self._lock = threading.Lock()
        self._stopped_by: OutReplyError | None = None
        self._storage_left: int | None = None

    def check(self, candidates: Sequence[Candidate]) -> ValidatedUploads:
        """Inspect all files, and check that they fit into the storage together."""
        checked = ValidatedUploads([], {}, {}, [])
        storage_left = self._limits.remaining_bytes
        for candidate in candidates:
            index = len(checked.names)
            file: InspectedFile | None = None
            try:
                file = inspect(candidate.path, self._limits)
                if candidate.name == STDIN:
                    # Each run copies stdin to another file: only the digest identifies it.
                    file = hash_file(file)
                if not (self._skip_existing and self._is_duplicate(file, checked)):
                    storage_left = _reserve_storage(file, storage_left)
                checked.files[index] = file
            except MediaFileError as error:
                if not candidate.must_be_media:
                    checked.skipped.append(candidate.name)
                    continue
                checked.failed[index] = FileResult(
                    candidate.name, UploadStatus.FAILED, file, error=error
                )
            checked.names.append(candidate.name)
        return checked

    def run(
        self, checked: ValidatedUploads, *, concurrency: int, progress: UploadProgress
    ) -> BatchReport:
        """Upload the files, `concurrency` at a time."""
        with ThreadPoolExecutor(concurrency, thread_name_prefix="upload") as pool:
            futures = {
                index: pool.submit(self._upload, index, checked.names[index], file, progress)
                for index, file in checked.files.items()
            }
            # Windows handles signals between waits only.
            while wait(futures.values(), timeout=_POLL_SECONDS).not_done:
                pass
        results = checked.failed | {index: future.result() for index, future in futures.items()}
        return BatchReport(
            [results[index] for index in sorted(results)],
            self._storage_left,
            self._stop.cause or self._stopped_by,
        )

    def _is_duplicate(self, file: InspectedFile, checked: ValidatedUploads) -> bool:
        same_size = [other for other in checked.files.values() if other.size == file.size]
        if not same_size and not self._uploader.is_maybe_uploaded(file):
            return False
        hashed = hash_file(file)
        if self._uploader.known_media_id(hashed) is not None:
            return True
        return any(hash_file(other).sha256 == hashed.sha256 for other in same_size)

    def _upload(
        self, index: int, name: str, file: InspectedFile, progress: UploadProgress
    ) -> FileResult:
        def on_sent(sent: int) -> None:
            if self._stop.is_interrupted:
                raise InterruptedRunError("interrupted")
            progress.update(index, sent)

        try:
            if (cause := self._stop.cause or self._stopped_by) is not None:
                error = cause.replace(message=f"not uploaded: {cause.message}")
                return FileResult(name, UploadStatus.FAILED, file, error=error)
            progress.start(index, file.path.name if name != STDIN else name, file.size)
            media = self._uploader.upload(file, reuse=self._skip_existing, on_sent=on_sent)
        except OutReplyError as error:
            if stops_batch(error) or isinstance(error, PermissionDeniedError):
                self._stopped_by = self._stopped_by or error
            return FileResult(name, UploadStatus.FAILED, file, error=error)
        finally:
            progress.finish(index)
        if media.storage_left is not None:
            with self._lock:
                # Responses may arrive out of order: the smallest value is the newest.
                if self._storage_left is None or media.storage_left < self._storage_left:
                    self._storage_left = media.storage_left
        status = UploadStatus.UPLOADED if media.is_new else UploadStatus.SKIPPED
        return FileResult(name, status, media.file, media.media_id)


def _reserve_storage(file: InspectedFile, storage_left: int | None) -> int | None:
    if storage_left is None:
        return None
    if file.size > storage_left:
        raise MediaFileError(
            f"the file ({format_size(file.size)}) exceeds the {format_size(storage_left)} of "
            "storage left; free space with: outreply media prune"
        )
    return storage_left - file.size
