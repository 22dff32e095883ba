"""`outreply media upload`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.media.output import note_left_out, report_uploads
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.media.service import MediaService
from outreply_cli.media.sources import STDIN, Candidate, find_candidates, spool_stdin
from outreply_cli.ui.progress import upload_bars
from outreply_cli.ui.streams import is_terminal


@command()
def run(
    context: Context,
    names: Annotated[
        list[str], typer.Argument(metavar="FILE|DIR|-...", help="Files, directories, - for stdin.")
    ],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Also what is below a directory.")
    ] = False,
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing", help="Leave out content that was uploaded from here."),
    ] = False,
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, max=16, help="Files at once.")
    ] = 3,
) -> None:
    """Upload pictures and videos; their type is told by their bytes.

    Example: outreply media upload hero.jpg --skip-existing

    Example: outreply media upload pictures --recursive --json
    """
    media = MediaService(context.client(), context.state_dir)
    with (
        _candidates(context, names, media.limits.max_file_bytes, recursive=recursive) as candidates,
        media.batch(skip_existing=skip_existing) as batch,
    ):
        checked = batch.check(candidates)
        note_left_out(context, checked)
        if not checked.names:
            raise InvalidInputError("there is no picture or video in what was named")
        with upload_bars(context.notes, [file.size for file in checked.files.values()]) as bars:
            report = batch.run(checked, concurrency=concurrency, progress=bars)
    report_uploads(context, report, media.limits.remaining_bytes)


@contextmanager
def _candidates(
    context: Context, names: Sequence[str], most: int | None, *, recursive: bool
) -> Iterator[list[Candidate]]:
    on_disk = [name for name in names if name != STDIN]
    found = find_candidates(on_disk, recursive=recursive)
    if STDIN not in names:
        yield found
        return
    if is_terminal(context.stdin):
        raise InvalidInputError(
            "- is stdin, and nothing is piped into it", hint="Such as: cat hero.jpg | outreply ..."
        )
    with spool_stdin(context.stdin_bytes, most) as path:
        yield [*found, Candidate(STDIN, path)]
