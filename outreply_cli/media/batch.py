"""Several files uploaded side by side: all of them checked first, each one's fate told."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum

from outreply_cli.api.errors import (
    AuthenticationError,
    InvalidResponseError,
    LimitExceededError,
    NetworkError,
    PermissionDeniedError,
)
from outreply_cli.errors import InterruptedRunError, OutReplyError
from outreply_cli.formats.sizes import format_size
from outreply_cli.media.files import (
    InspectedFile,
    MediaFileError,
    StorageLimits,
    hash_file,
    inspect,
)
from outreply_cli.media.progress import UploadProgress
from outreply_cli.media.sources import Candidate
from outreply_cli.media.uploader import UploadedMedia, Uploader

_WAKE_SECONDS = 0.2
# Codes that meet every other file too, until something outside changes.
_ENDING_CODES = frozenset({"MONTHLY_QUOTA_EXCEEDED", "DAILY_LIMIT_EXCEEDED", "RATE_LIMITED"})


class UploadStatus(StrEnum):
    """How a file went."""

    UPLOADED = "uploaded"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class FileResult:
    """How one file went.

    Attributes:
        name: As it was given.
        file: What it is, where that could be told.
        media_id: The server's id of it, where there is one.
        error: Why there is none.
    """

    name: str
    status: UploadStatus
    file: InspectedFile | None = None
    media_id: str | None = None
    error: OutReplyError | None = None


@dataclass(frozen=True)
class ValidatedUploads:
    """Files that were looked at; nothing has been sent.

    Attributes:
        files: What may be sent, by its place in the order given.
        names: By place.
        refused: What is settled already, by its place.
        skipped: Names of a directory's files that are no media.
    """

    files: dict[int, InspectedFile]
    names: list[str]
    refused: dict[int, FileResult]
    skipped: list[str]


@dataclass(frozen=True)
class BatchReport:
    """How a batch went.

    Attributes:
        results: One for each file, in the order given.
        storage_left: In bytes, as the last upload told.
        stopped_by: What ended it before its end, if anything did.
    """

    results: list[FileResult]
    storage_left: int | None = None
    stopped_by: OutReplyError | None = None


class UploadBatch:
    """One command's uploads.

    Args:
        uploader: Uploads one.
        limits: What the account takes.
        skip_existing: Whether content that is there already is left alone.
    """

    def __init__(self, uploader: Uploader, limits: StorageLimits, *, skip_existing: bool) -> None:
        self._uploader = uploader
        self._limits = limits
        self._skip_existing = skip_existing
        self._turn = threading.Lock()
        self._stopped_by: OutReplyError | None = None
        self._storage_left: int | None = None

    def check(self, candidates: Sequence[Candidate]) -> ValidatedUploads:
        """Look at every file: what it is, how large, and whether all of them fit together."""
        checked = ValidatedUploads({}, [], {}, [])
        room = self._limits.remaining_bytes
        for candidate in candidates:
            place = len(checked.names)
            seen: InspectedFile | None = None
            try:
                seen = inspect(candidate.path, self._limits)
                if not (self._skip_existing and self._is_repeat(seen, checked)):
                    room = _room_after(seen, room)
                checked.files[place] = seen
            except MediaFileError as problem:
                if not candidate.explicit:
                    checked.skipped.append(candidate.name)
                    continue
                checked.refused[place] = FileResult(
                    candidate.name, UploadStatus.FAILED, seen, error=problem
                )
            checked.names.append(candidate.name)
        return checked

    def run(
        self, checked: ValidatedUploads, *, concurrency: int, progress: UploadProgress
    ) -> BatchReport:
        """Send what was checked, `concurrency` files at once; what is under way ends at Ctrl-C."""
        pool = ThreadPoolExecutor(concurrency, thread_name_prefix="upload")
        sent = {
            place: pool.submit(self._send, place, checked.names[place], file, progress)
            for place, file in checked.files.items()
        }
        try:
            while wait(sent.values(), timeout=_WAKE_SECONDS).not_done:
                pass
        except KeyboardInterrupt:
            self._stopped_by = InterruptedRunError("interrupted; what was under way is dropped")
            wait(sent.values())
        finally:
            pool.shutdown()
        results = {**checked.refused, **{place: future.result() for place, future in sent.items()}}
        return BatchReport(
            [results[place] for place in sorted(results)], self._storage_left, self._stopped_by
        )

    def _is_repeat(self, seen: InspectedFile, checked: ValidatedUploads) -> bool:
        twins = [file for file in checked.files.values() if file.size == seen.size]
        if not twins and not self._uploader.may_be_known(seen):
            return False
        read = hash_file(seen)
        if self._uploader.known_media_id(read) is not None:
            return True
        return any(hash_file(twin).sha256 == read.sha256 for twin in twins)

    def _send(
        self, place: int, name: str, file: InspectedFile, progress: UploadProgress
    ) -> FileResult:
        def move(sent: int) -> None:
            if isinstance(self._stopped_by, InterruptedRunError):
                raise InterruptedRunError("it was interrupted")
            progress.update(place, sent)

        try:
            if self._stopped_by is not None:
                raise _untried(self._stopped_by)
            progress.start(place, name, file.size)
            stored = self._uploader.store(file, reuse=self._skip_existing, on_sent=move)
        except OutReplyError as error:
            if _ends_batch(error):
                self._stopped_by = self._stopped_by or error
            return FileResult(name, UploadStatus.FAILED, file, error=error)
        finally:
            progress.finish(place)
        self._learn(stored)
        status = UploadStatus.UPLOADED if stored.is_new else UploadStatus.SKIPPED
        return FileResult(name, status, stored.file, stored.media_id)

    def _learn(self, stored: UploadedMedia) -> None:
        with self._turn:
            # Answers may overtake each other; storage only shrinks meanwhile.
            known = [left for left in (stored.storage_left, self._storage_left) if left is not None]
            self._storage_left = min(known, default=None)


def _room_after(seen: InspectedFile, room: int | None) -> int | None:
    if room is None:
        return None
    if seen.size > room:
        raise MediaFileError(
            f"it has {format_size(seen.size)} and does not fit: {format_size(room)} of storage are "
            "left; make room with: outreply media prune"
        )
    return room - seen.size


def _ends_batch(error: OutReplyError) -> bool:
    if isinstance(
        error, (AuthenticationError, PermissionDeniedError, NetworkError, InvalidResponseError)
    ):
        return True
    return error.code in _ENDING_CODES or (
        isinstance(error, LimitExceededError) and error.status == 402
    )


def _untried(cause: OutReplyError) -> OutReplyError:
    error = OutReplyError(f"it was not tried: {cause.message}")
    error.code = cause.code
    return error
