"""`outreply media`: pictures and videos, uploaded, listed and deleted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated

import typer

from outreply_cli.api.client import Client, Listing, Resource
from outreply_cli.cli.options import ShownZone, Yes, command, new_group
from outreply_cli.commands.media_reports import (
    ID_FIELD,
    media_columns,
    note_left_out,
    report_uploads,
)
from outreply_cli.commands.messages import DryRunOption
from outreply_cli.commands.partial_failures import raise_failures
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.formats.sizes import show_size
from outreply_cli.media.library import ORDERS, delete_media, size_of, unused
from outreply_cli.media.service import AccountMedia
from outreply_cli.media.sources import (
    STDIN,
    Candidate,
    find_candidates,
    kept_on_disk,
)
from outreply_cli.times import read_duration
from outreply_cli.ui.progress import upload_bars
from outreply_cli.ui.streams import is_terminal

app = new_group("Upload, list and delete pictures and videos.")


@command(app, "upload")
def media_upload(
    session: Session,
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
    media = AccountMedia(session.client(), session.state_dir)
    with (
        _candidates(session, names, media.limits.max_file_bytes, recursive=recursive) as candidates,
        media.batch(skip_existing=skip_existing) as batch,
    ):
        checked = batch.check(candidates)
        note_left_out(session, checked)
        if not checked.names:
            raise InvalidInputError("there is no picture or video in what was named")
        with upload_bars(session.notes, [file.size for file in checked.files.values()]) as watch:
            report = batch.run(checked, concurrency=concurrency, watch=watch)
    report_uploads(session, report, media.limits.remaining_bytes)


@command(app, "list")
def media_list(
    session: Session,
    sort: Annotated[
        str | None,
        typer.Option(metavar="BY", help="age (oldest first), size (largest first), name, or post."),
    ] = None,
    only_unused: Annotated[
        bool, typer.Option("--unused", help="Only what no pending post uses.")
    ] = False,
    tz: ShownZone = None,
) -> None:
    """List uploaded media, and which post waits for them.

    Example: outreply media list --sort size

    Example: outreply media list --unused -q
    """
    if sort is not None and sort not in ORDERS:
        raise InvalidInputError(f"--sort {sort!r} is unknown", hint=f"Choose: {', '.join(ORDERS)}")
    client = session.client()
    listing = client.media()
    items = unused(listing.items) if only_unused else listing.items
    if sort is not None:
        items = sorted(items, key=ORDERS[sort])
    columns = media_columns(client.now(), session.zone(tz))
    session.output.show_list(items, columns, id_field=ID_FIELD)
    _warn_if_cut_off(session, listing)
    session.note(f"{_count(items)}, {show_size(sum(map(size_of, items)))}.")


@command(app, "show")
def media_show(
    session: Session,
    media_id: Annotated[str, typer.Argument(metavar="ID", help="The media's id.")],
    tz: ShownZone = None,
) -> None:
    """Show one uploaded picture or video.

    Example: outreply media show $(outreply media list -q | head -n 1)

    Example: outreply media show $(outreply media list -q | head -n 1) --json
    """
    client = session.client()
    item = client.media_item(media_id)
    columns = media_columns(client.now(), session.zone(tz), item)
    session.output.show_one(item, columns, id_field=ID_FIELD)


@command(app, "delete")
def media_delete(
    session: Session,
    media_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The media's ids.")],
    yes: Yes = False,
) -> None:
    """Delete uploaded media; what a pending post needs stays.

    Example: outreply media delete $(outreply media list -q | head -n 1) --yes

    Example: outreply media delete $(outreply media list --unused -q) --yes
    """
    wanted = list(dict.fromkeys(media_ids))
    client = session.client()
    session.confirm(f"Delete {', '.join(wanted)}?", yes=yes)
    _delete(session, client, wanted)


@command(app, "prune")
def media_prune(
    session: Session,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="T", help="Only what was uploaded longer ago, such as 7d."),
    ] = None,
    dry_run: DryRunOption = False,
    yes: Yes = False,
    tz: ShownZone = None,
) -> None:
    """Delete what no pending post uses, after showing it.

    Example: outreply media prune --dry-run

    Example: outreply media prune --older-than 7d --yes
    """
    age = read_duration(older_than) if older_than is not None else None
    client = session.client()
    listing = client.media()
    now = client.now()
    items = unused(listing.items, before=_moment_before(now, age))
    _warn_if_cut_off(session, listing)
    columns = media_columns(now, session.zone(tz))
    told = f"{_count(items)} that no pending post uses, {show_size(sum(map(size_of, items)))}"
    if dry_run:
        session.output.show_list(items, columns, id_field=ID_FIELD)
        session.note(f"{told}. Nothing was deleted: --dry-run.")
        return
    if not items:
        session.output.show_list([], columns, id_field=ID_FIELD)
        session.note("There is nothing to delete.")
        return
    if not yes:
        session.notes.show_list(items, columns, id_field=ID_FIELD)
    session.confirm(f"Delete {told}?", yes=yes)
    _delete(session, client, [str(item[ID_FIELD]) for item in items])


@contextmanager
def _candidates(
    session: Session, names: Sequence[str], most: int | None, *, recursive: bool
) -> Iterator[list[Candidate]]:
    on_disk = [name for name in names if name != STDIN]
    found = find_candidates(on_disk, recursive=recursive)
    if STDIN not in names:
        yield found
        return
    if is_terminal(session.stdin):
        raise InvalidInputError(
            "- is stdin, and nothing is piped into it", hint="Such as: cat hero.jpg | outreply ..."
        )
    with kept_on_disk(session.stdin_bytes, most) as path:
        yield [*found, Candidate(STDIN, path)]


def _delete(session: Session, client: Client, media_ids: Sequence[str]) -> None:
    deleted: list[Resource] = []
    failures: list[tuple[str, OutReplyError]] = []
    for media_id in media_ids:
        try:
            delete_media(client, media_id)
            deleted.append({ID_FIELD: media_id, "success": True})
        except OutReplyError as error:
            failures.append((media_id, error))
    if session.choices.output == "table" and not session.choices.quiet:
        for item in deleted:
            session.output.say(f"Deleted {item[ID_FIELD]}")
    elif deleted:
        session.output.show_list(deleted, [], id_field=ID_FIELD)
    raise_failures(failures, len(media_ids))


def _moment_before(now: datetime, age: timedelta | None) -> datetime | None:
    if age is None:
        return None
    try:
        return now - age
    except OverflowError:
        raise InvalidInputError("--older-than goes back before the calendar begins") from None


def _warn_if_cut_off(session: Session, listing: Listing) -> None:
    if listing.cut_off:
        session.warn("the API lists 100 media at most; there may be more")


def _count(items: Sequence[Resource]) -> str:
    return "1 file" if len(items) == 1 else f"{len(items)} files"
