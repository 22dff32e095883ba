"""`outreply analytics collect`."""

from contextlib import closing
from typing import Annotated

from outreply_cli.cli.options import command, option
from outreply_cli.context import Context
from outreply_cli.errors import PartialFailureError
from outreply_cli.ui.columns import Column

_STYLES = {"collected": "green", "skipped": "yellow", "failed": "bold red"}


@command()
def run(
    context: Context,
    keep_reads: Annotated[
        int, option("COUNT", "Keep at least COUNT reads of the monthly quota.", min=0)
    ] = 100,
    tz: Annotated[
        str | None, option("ZONE", "Time zone of the snapshot's day, such as Europe/Paris.")
    ] = None,
) -> None:
    """Take today's snapshot of all pages: followers, and the metrics of published posts.

    Run it daily with cron. Uses one read per page, plus two. A page has one snapshot per local day:
    the next run continues an interrupted one, and a second run on the same day changes nothing.
    Exits with 6 if too few reads remain this month, and with 3 if a page cannot be read.

    Example: outreply analytics collect

    Example: outreply analytics collect --tz Europe/Paris --keep-reads 1000 --json
    """
    from outreply_cli.analytics.collect import Collector
    from outreply_cli.analytics.store import open_analytics
    from outreply_cli.journal.account import account_fingerprint
    from outreply_cli.quota.check import InsufficientQuotaError
    from outreply_cli.ui.progress import progress

    client = context.client(max_wait=None)
    account = client.account_or_none()
    fingerprint = account_fingerprint(client, account)
    with closing(open_analytics(context.store, fingerprint)) as store:
        collector = Collector(client, store, context.zone(tz), account, keep_reads)
        pages = collector.list_pages()
        with progress(context.notes, "Reading", len(pages)) as step:
            items = []
            for page in pages:
                items.append(collector.collect(page))
                step()
    context.output.print_list(items, [
        Column("Page", "page", shrinkable=True),
        Column("Status", "status", style=lambda item: _STYLES.get(item["status"], "")),
        Column("Date", "date"), Column("Followers", "followers"), Column("Posts", "posts"),
    ])  # fmt: skip
    for item in items:
        if item["truncated"]:
            context.warn(f"{item['page']} may have more posts: the API listed {item['posts']}")
        if item["error"]:
            context.warn(f"{item['page']}: {item['error']}")
    counts = {status: sum(item["status"] == status for item in items) for status in _STYLES}
    if collector.is_short:
        unread = f"{counts['skipped']} of {len(items)} pages" if items else "the pages"
        raise InsufficientQuotaError(
            f"{unread} were not read: the monthly quota has no reads beyond the {keep_reads} to "
            "keep",
            hint="Run it again after the reset (see: outreply quota show), or lower --keep-reads.",
        )
    if counts["failed"]:
        raise PartialFailureError(f"{counts['failed']} of {len(items)} pages could not be read")
