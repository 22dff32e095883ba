"""Output of the commands of `outreply media`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, PartialFailureError
from outreply_cli.formats.sizes import format_size
from outreply_cli.media.batch import BatchReport, FileResult, UploadStatus, ValidatedUploads
from outreply_cli.media.files import MediaFile
from outreply_cli.media.library import created_at, media_size
from outreply_cli.times import format_duration, format_time
from outreply_cli.ui.output import Column, Item
from outreply_cli.ui.sanitize import sanitize

ID_FIELD = "media_id"
_UPLOAD_COLUMNS = (
    Column("ID", ID_FIELD),
    Column("Status", "status"),
    Column("Type", "mime_type"),
    Column("Size", "size_bytes", lambda item: format_size(media_size(item))),
    Column("File", "file", shrinkable=True),
)


def media_columns(
    now: datetime, zone: ZoneInfo, alone: Mapping[str, Any] | None = None
) -> list[Column]:
    """The columns of stored media; one that stands `alone` is shown with all that it tells.

    Args:
        now: What ages are counted to.
        zone: What local times are shown in.
        alone: The item, if it is the only one.
    """

    def show_age(item: Item) -> str:
        made = created_at(item)
        return "" if made is None else format_duration(now - made).split()[0]

    def show_made(item: Item) -> str:
        made = created_at(item)
        return (
            "" if made is None else f"{format_time(made, zone)}, {format_duration(now - made)} ago"
        )

    columns = [
        Column("ID", ID_FIELD),
        Column("Type", "mime_type"),
        Column("Size", "size_bytes", lambda item: format_size(media_size(item))),
        Column("Age", "created_at", show_age),
        Column("Post", "scheduled_post_id", _show_post),
        Column("Name", "filename", shrinkable=True),
    ]
    if alone is not None:
        columns[3] = Column("Uploaded", "created_at", show_made)
        columns += [Column("URL", "url")] if alone.get("url") else []
    return columns


def file_object(result: FileResult) -> dict[str, Any]:
    """One file of an upload as scripts read it."""
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


def note_left_out(context: Context, checked: ValidatedUploads) -> None:
    """Tell which files of a directory are no media."""
    if checked.skipped:
        context.info(f"Left out, as no media: {', '.join(checked.skipped)}")


def report_uploads(context: Context, report: BatchReport, storage_left: int | None) -> None:
    """Show how the files went; raises what failed.

    Args:
        context: Where to show it.
        report: What came of the files.
        storage_left: In bytes, as the account told before.
    """
    there = [file_object(result) for result in report.results if result.media_id]
    wants_all = context.options.output != "table" and not context.options.quiet
    shown = [file_object(result) for result in report.results] if wants_all else there
    if shown or wants_all:
        context.output.print_list(shown, _UPLOAD_COLUMNS, id_field=ID_FIELD)
    left = report.storage_left if report.storage_left is not None else storage_left
    if left is not None:
        context.info(f"Storage left: {format_size(left)}.")
    failed = [result for result in report.results if result.error is not None]
    if failed:
        _end_failed(context, report, failed)


def _end_failed(context: Context, report: BatchReport, failed: Sequence[FileResult]) -> NoReturn:
    first, count = failed[0], len(report.results)
    assert first.error is not None
    if report.stopped_by is not None and len(failed) == count:
        raise report.stopped_by
    if count == 1:
        first.error.message = f"{first.name}: {first.error.message}"
        raise first.error
    for result in failed:
        if result.error is not None:
            context.echo_err(f"{sanitize(result.name)}: {sanitize(result.error.message)}\n")
    details = {
        "failed": [
            {"file": result.name, "code": result.error.code} for result in failed if result.error
        ]
    }
    if len(failed) == count and all(isinstance(r.error, InvalidInputError) for r in failed):
        raise InvalidInputError(
            f"none of the {count} files can be uploaded", hint="Nothing was sent.", details=details
        )
    if report.stopped_by is not None and report.stopped_by.exit_code == 130:
        raise report.stopped_by
    raise PartialFailureError(
        f"{len(failed)} of {count} files failed",
        hint="Run it again with --skip-existing: what is there is not sent twice."
        if any(result.status == UploadStatus.UPLOADED for result in report.results)
        else None,
        details=details,
    )


def _show_post(item: Item) -> str:
    return str(item.get("scheduled_post_id") or "")
