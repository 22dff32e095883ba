"""`outreply quota`: what is left of your limits, and how long it lasts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outreply_cli.cli.options import Looks, command, new_group, read_interval
from outreply_cli.commands.quota_reports import forecast_items, quota_meters, use_object
from outreply_cli.context import Session
from outreply_cli.times import show_instant, show_instant_briefly, to_api
from outreply_cli.ui.meters import Meter
from outreply_cli.ui.output import Column

if TYPE_CHECKING:
    from outreply_cli.quota.snapshot import Look

app = new_group("What is left of your limits.")

Least = Annotated[int | None, typer.Option(metavar="N", min=0, help="How many must be left.")]


@command(app, "show")
def quota_show(session: Session) -> None:
    """Show the month's buckets, storage, rate limit and the guardrails of each page.

    A guardrail's figure is the most posts in any hour, or any 24 hours,
    that contains now: of what went out and what is scheduled.

    Example: outreply quota show

    Example: outreply quota show --json
    """
    from outreply_cli.quota.guardrail_usage import read_guardrail_use
    from outreply_cli.quota.quota import Quota

    client, zone = session.client(), session.zone()
    account = client.account()
    uses = read_guardrail_use(client, account)
    if session.choices.output != "table" or session.choices.fields:
        told = None if uses is None else [use_object(use) for use in uses]
        session.output.show_value({**account, "guardrail_use": told})
        return
    quota = Quota.from_account(account)
    left = client.transport.requests_left
    _show_meters(session, quota_meters(quota, uses or [], left, zone))
    if uses is None:
        session.note("What is used of the guardrails needs read:pages and read:posts.")
    if quota.resets_at is not None:
        session.note(f"The month's limits reset on {show_instant(quota.resets_at, zone)}.")


@command(app, "check")
def quota_check(
    session: Session,
    min_publishes: Least = None,
    min_replies: Least = None,
    min_reads: Least = None,
    warn_at: Annotated[
        str | None, typer.Option(metavar="80%", help="Warn of buckets that are so far used.")
    ] = None,
) -> None:
    """Check that enough is left this month: silent when it is, exit 6 when it is not.

    Without a --min option, a bucket with nothing left is short.
    What --warn-at finds is told on stderr; the exit code stays 0.

    Example: outreply quota check --min-publishes 20 --warn-at 80%

    Example: outreply quota check --min-reads 500 --json
    """
    from outreply_cli.quota.check import (
        QuotaShortError,
        nearly_used,
        read_share,
        short_buckets,
    )
    from outreply_cli.quota.quota import Quota

    share = read_share(warn_at) if warn_at is not None else None
    asked = {"publishes": min_publishes, "replies": min_replies, "reads": min_reads}
    least = {name: figure for name, figure in asked.items() if figure is not None}
    quota = Quota.from_account(session.client().account())
    reset = f"; resets {show_instant(quota.resets_at, session.zone())}" if quota.resets_at else ""
    short = short_buckets(quota, least)
    warned = nearly_used(quota, share) if share is not None else []
    for bucket in warned:
        session.warn(
            f"{int((bucket.share or 0) * 100)}% of the month's {bucket.name} are used, "
            f"{bucket.remaining} are left{reset}"
        )
    if short:
        raise QuotaShortError(
            "; ".join(f"{b.remaining} {b.name} are left, {needed} needed" for b, needed in short)
            + reset,
            details={
                "short": [
                    {"bucket": b.name, "remaining": b.remaining, "needed": needed}
                    for b, needed in short
                ],
                "resets_at": to_api(quota.resets_at) if quota.resets_at else None,
            },
        )
    if session.choices.output != "table":
        left = {bucket.name: bucket.remaining for bucket in quota.buckets}
        session.output.show_value(
            {"enough": True, "remaining": left, "warnings": [bucket.name for bucket in warned]}
        )


@command(app, "watch")
def quota_watch(
    session: Session,
    interval: Annotated[str, typer.Option(metavar="T", help="Time between looks.")] = "1m",
    most: Looks = None,
) -> None:
    """Look again and again: one screen that is redrawn, or a line a look in a pipe.

    Each look is one read.

    Example: outreply quota watch --interval 2s --max 2

    Example: outreply quota watch --max 1 -o jsonl
    """
    from outreply_cli.quota.snapshot import looks

    seconds = read_interval(interval)
    client, output = session.client(patient=True), session.output
    found = looks(client, session.clock, interval=seconds, most=most)
    if output.format != "table" or output.fields is not None:
        for look in found:
            output.show_value({"at": to_api(look.at), **look.account})
            session.stdout.flush()
        return
    if output.can_draw:
        from outreply_cli.ui.meter_bars import redraw_meters

        redraw_meters(output, _screens(session, found))
        return
    for look in found:
        output.show_text(_line_of(look))
        session.stdout.flush()


@command(app, "forecast")
def quota_forecast(session: Session) -> None:
    """Tell when each bucket runs out at this month's pace, with what is scheduled already.

    A post counts as a publish when it is scheduled: those that wait
    use no more of them, but a webhook delivery for each subscription.

    Example: outreply quota forecast

    Example: outreply quota forecast --json
    """
    from outreply_cli.quota.snapshot import read_outlook

    zone = session.zone()
    outlook = read_outlook(session.client())

    def runs_out(item: Mapping[str, Any]) -> str:
        moment = item["instant"]
        return show_instant_briefly(moment, zone) if moment is not None else "not this month"

    items = forecast_items(outlook)
    if session.choices.output != "table":
        items = [{name: item[name] for name in item if name != "instant"} for item in items]
    session.output.show_list(
        items,
        [
            Column("Limit", "bucket"),
            Column("Used", "used", lambda it: f"{it['used']:,}"),
            Column("A day", "per_day", lambda it: f"{it['per_day']:,.1f}"),
            Column("By the reset", "at_reset", lambda it: f"{it['at_reset']:,}"),
            Column("Of", "limit", lambda it: "-" if it["limit"] is None else f"{it['limit']:,}"),
            Column("Runs out", "runs_out_at", runs_out,
                   style=lambda it: "bold red" if it["runs_out_at"] else "green"),
        ],
        id_field=None,
    )  # fmt: skip
    session.note(f"The month's limits reset on {show_instant(outlook.resets_at, zone)}.")
    if outlook.scheduled:
        counted = "1 post is" if outlook.scheduled == 1 else f"{outlook.scheduled} posts are"
        session.note(f"{counted} scheduled already, and counted among the publishes.")


def _screens(session: Session, found: "Iterator[Look]") -> Iterator[tuple[str, Sequence[Meter]]]:
    from outreply_cli.quota.quota import Quota

    zone = session.zone()
    for look in found:
        quota = Quota.from_account(look.account)
        heading = show_instant(look.at, zone)
        if quota.resets_at is not None:
            heading += f"; reset {show_instant_briefly(quota.resets_at, zone)}"
        yield heading, quota_meters(quota, [], look.requests_left, zone)


def _line_of(look: "Look") -> str:
    from outreply_cli.quota.quota import Quota

    quota = Quota.from_account(look.account)
    figures = [
        f"{bucket.name} {bucket.used}/{'-' if bucket.limit is None else bucket.limit}"
        for bucket in quota.buckets
    ]
    return "\t".join([to_api(look.at), *figures])


def _show_meters(session: Session, meters: Sequence[Meter]) -> None:
    output = session.output
    if output.can_draw and not output.quiet:
        from outreply_cli.ui.meter_bars import print_meters

        print_meters(output, meters)
        return
    output.show_list(
        [
            {
                "name": meter.label,
                "used": meter.used,
                "limit": meter.limit,
                "left": meter.left,
                "percent": meter.percent,
            }
            for meter in meters
        ],
        [
            Column("Limit", "name", flexible=True),
            Column("Used", "used"),
            Column("Of", "limit"),
            Column("Left", "left", style=lambda row: "red" if row["left"] == "0" else ""),
            Column("Percent", "percent"),
        ],
        id_field=None,
    )
