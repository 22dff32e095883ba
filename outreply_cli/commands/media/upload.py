"""`outreply media upload`."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Annotated

from outreply_cli.api.request_builders import FilePart, upload_media
from outreply_cli.cancellation import CancellationToken, InterruptibleClock
from outreply_cli.cli.options import argument, command, option, switch
from outreply_cli.commands.interrupts import interruptible
from outreply_cli.commands.media.output import report_checked, report_uploads
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.errors import InterruptedRunError, InvalidInputError
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.media.batch import BatchReport, UploadBatch
from outreply_cli.media.files import StorageLimits
from outreply_cli.media.sources import STDIN, Candidate, find_candidates, spool_stdin
from outreply_cli.media.uploader import Uploader, upload_name
from outreply_cli.ui.progress import upload_bars
from outreply_cli.ui.streams import is_terminal

_INTERRUPTED = InterruptedRunError(
    "interrupted", hint="Run the same command with --skip-existing to upload the rest."
)


@command(has_print_option=True)
def run(
    context: Context,
    names: Annotated[list[str], argument("FILE...", "Files or directories (- for stdin).")],
    recursive: Annotated[
        bool, switch("Include files in subdirectories.", "--recursive", "-r")
    ] = False,
    skip_existing: Annotated[
        bool, switch("Skip files already uploaded from this machine.")
    ] = False,
    concurrency: Annotated[
        int, option("COUNT", "Upload this many files at a time.", min=1, max=16)
    ] = 3,
) -> None:
    """Upload images and videos.

    The type is detected from the content, not the file name.

    Example: outreply media upload hero.jpg --skip-existing

    Example: outreply media upload images --recursive --json
    """
    if context.options.print_as and STDIN in names:
        raise InvalidInputError("--print: - is stdin, and the request needs the name of a file")
    stop = CancellationToken()
    clock = InterruptibleClock(context.clock, stop)
    client = context.client(clock=clock, is_stopped=lambda: stop.is_set)
    account = client.account_or_none()
    limits = StorageLimits.from_account(account)
    with (
        _open_candidates(context, names, limits.max_file_bytes, recursive=recursive) as candidates,
        closing(context.store.open()) as journal,
    ):
        uploader = Uploader(client, journal, account_fingerprint(client, account))
        batch = UploadBatch(uploader, limits, skip_existing=skip_existing, stop=stop)
        checked = batch.check(candidates)
        report_checked(context, checked)
        if not checked.names:
            raise InvalidInputError("no images or videos found")
        if context.options.print_as:
            if checked.failed:
                report_uploads(context, BatchReport([*checked.failed.values()]), None)
            requests = [
                upload_media(FilePart(str(file.path), upload_name(file.mime), file.mime))
                for file in checked.files.values()
            ]
            print_requests(context, client, requests)
            return
        sizes = [file.size for file in checked.files.values()]
        with (
            interruptible(context, stop, _INTERRUPTED),
            upload_bars(context.notes, sizes) as bars,
        ):
            report = batch.run(checked, concurrency=concurrency, progress=bars)
    report_uploads(context, report, limits.remaining_bytes)


@contextmanager
def _open_candidates(
    context: Context, names: Sequence[str], max_bytes: int | None, *, recursive: bool
) -> Iterator[list[Candidate]]:
    candidates = find_candidates([name for name in names if name != STDIN], recursive=recursive)
    if STDIN not in names:
        yield candidates
        return
    if is_terminal(context.stdin):
        raise InvalidInputError(
            "- reads stdin, but stdin is a terminal", hint="Use: outreply media upload - < hero.jpg"
        )
    with spool_stdin(context.stdin_bytes, max_bytes) as path:
        yield [*candidates, Candidate(STDIN, path)]
