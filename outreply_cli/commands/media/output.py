"""Output of the commands of `outreply media`."""

from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, Resource
from outreply_cli.api.types import Media
from outreply_cli.commands.batch import act_on_each
from outreply_cli.context import Context
from outreply_cli.errors import (
    InterruptedRunError,
    InvalidInputError,
    OutReplyError,
    PartialFailureError,
)
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.formats.sizes import format_size
from outreply_cli.ids import expand_ids
from outreply_cli.media.batch import BatchReport, FileResult, UploadStatus, ValidatedUploads
from outreply_cli.media.files import MediaFile, MediaFileError
from outreply_cli.media.library import (
    created_at,
    delete_media,
    find_needed,
    media_name,
    media_size,
)
from outreply_cli.times import format_duration, format_time
from outreply_cli.ui.columns import Column, Item

ID_FIELD = "media_id"
_UPLOAD_COLUMNS = (
    Column("ID", ID_FIELD),
    Column("Status", "status"),
    Column("Type", "mime_type"),
    Column("Size", "size_bytes", lambda item: format_size(media_size(item))),
    Column("File", "file", short=lambda item: Path(item["file"]).name, shrinkable=True),
)


def media_columns(now: datetime, zone: ZoneInfo, item: Item | None = None) -> list[Column]:
    """Return the columns of a list of media, or of the only `item` with all its fields."""

    def format_age(item: Item) -> str:
        uploaded_at = created_at(item)
        return "" if uploaded_at is None else format_duration(now - uploaded_at).split()[0]

    def format_upload_time(item: Item) -> str:
        uploaded_at = created_at(item)
        if uploaded_at is None:
            return ""
        return f"{format_time(uploaded_at, zone)}, {format_duration(now - uploaded_at)} ago"

    columns = [
        Column("ID", ID_FIELD),
        Column("Type", "mime_type"),
        Column("Size", "size_bytes", lambda item: format_size(media_size(item))),
        Column("Age", "created_at", format_age),
        Column("Post", "scheduled_post_id", shrinkable=True),
        Column("Name", "filename", media_name, shrinkable=True),
    ]
    if item is not None:
        columns[3] = Column("Uploaded", "created_at", format_upload_time)
        if item.get("url"):
            columns.append(Column("URL", "url"))
    return columns


def add_local_names(context: Context, items: Sequence[Media]) -> list[Resource]:
    """Return media with the names of their files on this machine as `file`, where known."""
    store, names = context.store, {}
    if store.exists:
        # The server's names are shown if the journal cannot be read.
        with suppress(OutReplyError), closing(store.open(allow_readonly=True)) as journal:
            names = journal.media_names()
    return [
        {**item, "file": names[item["media_id"]]} if names.get(item["media_id"]) else item
        for item in items
    ]


def fetch_media(context: Context, client: Client) -> list[Resource]:
    """Return the media of the account as `add_local_names` does; warns if there may be more."""
    listing = client.media()
    if listing.truncated:
        context.warn("the API lists at most 100 media; there may be more")
    return add_local_names(context, listing.items)


def fetch_needed(context: Context, client: Client, items: Sequence[Resource] = ()) -> set[str]:
    """Return the IDs of media that posts of the journal need; see `find_needed`."""
    if not context.store.exists:
        return set()
    with closing(context.store.open(allow_readonly=True)) as journal:
        return find_needed(items, journal, client)


def resolve_media(client: Client, words: Sequence[str]) -> list[str]:
    """Expand prefixes of the IDs of media; raises AmbiguousIdError."""
    return expand_ids(words, "media", client.media, id_field=ID_FIELD)


def summarize(items: Sequence[Item]) -> str:
    """Return the number and the total size of media."""
    total = format_size(sum(map(media_size, items)))
    return f"{len(items)} {'file' if len(items) == 1 else 'files'}, {total}"


def report_checked(context: Context, checked: ValidatedUploads) -> None:
    """Print warnings, and the files of a directory that are not media."""
    for index, file in checked.files.items():
        if file.warning:
            context.warn(f"{checked.names[index]}: {file.warning}")
    if checked.skipped:
        context.info(f"Skipped, not an image or video: {', '.join(checked.skipped)}")


def delete_items(context: Context, client: Client, media_ids: Sequence[str]) -> None:
    """Delete media and print their IDs; raises what failed."""
    act_on_each(
        context, media_ids, partial(delete_media, client), done="Deleted", id_field=ID_FIELD
    )


def report_uploads(context: Context, report: BatchReport, storage_left: int | None) -> None:
    """Print the results of an upload; `storage_left` is the known value before it.

    Raises:
        OutReplyError: The error for the only file, or the one that stopped the batch.
        PartialFailureError: Some of several files failed.
    """
    is_table = context.options.output == "table" or context.options.quiet
    items = [_to_item(result) for result in report.results if result.media_id or not is_table]
    if items or not is_table:
        context.output.print_list(items, _UPLOAD_COLUMNS, id_field=ID_FIELD)
    left = report.storage_left if report.storage_left is not None else storage_left
    if left is not None and any(result.media_id for result in report.results):
        context.info(f"Storage left: {format_size(left)}.")
    if any(result.error for result in report.results):
        _raise_failures(context, report)


def _to_item(result: FileResult) -> dict[str, Any]:
    file, error = result.file, result.error
    return {
        "file": result.name,
        "status": result.status.value,
        "media_id": result.media_id,
        "size_bytes": file.size if file else None,
        "mime_type": file.mime if file else None,
        "sha256": file.sha256 if isinstance(file, MediaFile) else None,
        "error": {"code": error.code, "message": error.message} if error else None,
    }


def _describe(name: str, error: OutReplyError) -> str:
    """Return the error for a file with the file's name."""
    return error.describe(name) if isinstance(error, MediaFileError) else f"{name}: {error.message}"


def _raise_failures(context: Context, report: BatchReport) -> NoReturn:
    failures = [(result.name, result.error) for result in report.results if result.error]
    total = len(report.results)
    if report.stopped_by is not None and len(failures) == total:
        raise report.stopped_by
    if total == 1:
        name, error = failures[0]
        raise error.replace(message=_describe(name, error))
    for name, error in failures:
        context.echo_err(f"{sanitize(_describe(name, error))}\n")
    details = {"failed": [{"file": name, "code": error.code} for name, error in failures]}
    if len(failures) == total and all(isinstance(e, InvalidInputError) for _, e in failures):
        raise InvalidInputError(
            f"none of the {total} files can be uploaded",
            hint="Nothing was sent. Replace the files and try again.",
            details=details,
        )
    if isinstance(report.stopped_by, InterruptedRunError):
        raise report.stopped_by
    raise PartialFailureError(
        f"{len(failures)} of {total} files failed",
        hint="Run the command again with --skip-existing; uploaded files are not sent again."
        if any(result.status == UploadStatus.UPLOADED for result in report.results)
        else None,
        details=details,
    )
