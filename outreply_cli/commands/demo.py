"""`outreply demo`: see it work, without an account and without a trace."""

from datetime import UTC, timedelta

from outreply_cli.api.client import post_time
from outreply_cli.cli.options import command
from outreply_cli.commands.bulk.output import aliases_of, plan_summary, show_plan
from outreply_cli.context import Context
from outreply_cli.demo import CALENDAR_NAME, ZONE, Demo
from outreply_cli.pages import page_alias
from outreply_cli.times import format_time_short
from outreply_cli.ui.output import Column, Item
from outreply_cli.webhooks.event import summarize

_NEXT = (
    ("outreply emulator start", "the same API, kept running"),
    ("outreply bulk template csv > my.csv", "a calendar to fill in"),
    ("outreply auth login", "your own account, when you are ready"),
)


@command(api=False)
def run(context: Context) -> None:
    """See it work: a calendar scheduled over HTTP on this machine; nothing stays.

    Example: outreply demo

    Example: outreply demo --plain
    """
    say = context.output.print_line
    with Demo(context.clock) as show:
        path = show.write_calendar()
        say(f"1. An OutReply API runs on this machine: {show.server.base_url}")
        say(f"   A calendar of a dozen posts is in {CALENDAR_NAME}. The plan:")
        say()
        run, prepared = show.prepare(path)
        pages = prepared.remote.pages
        show_plan(
            context.output, CALENDAR_NAME, prepared.plan, ZONE, aliases_of(prepared.plan, pages)
        )
        report = show.carry_out(run, prepared)
        done = sum(result.post_id is not None for result in report.results)
        say()
        say(f"2. Scheduled over HTTP: {done} of {len(report.results)} posts.")
        _, again = show.prepare(path)
        say(f"3. The same command again: {plan_summary(again.plan)}; nothing is sent twice.")
        show.receive_webhooks()
        began = show.client.now()
        moved = show.advance_past(days=3)
        say(f"4. Three days later, {moved['published']} posts are out:")
        say()
        aliases = {page["id"]: page_alias(page) for page in pages}
        context.output.print_list(
            show.published_since(began - timedelta(minutes=1)),
            [
                Column("When", "published_at", _show_when),
                Column("Page", "page_id", lambda post: aliases.get(post["page_id"], "")),
                Column("Message", "message", shrinkable=True),
            ],
        )
        usernames = {page["id"]: page["username"] for page in pages}
        told = show.deliveries(moved["published"])
        good = sum(one.arrival.is_verified for one in told)
        say()
        say(
            f"5. A receiver here was told of each: {good} of {len(told)} webhooks verified, such as"
        )
        for one in told[:2]:
            if one.event is not None:
                say(f"   {one.event.name}  {summarize(one.event, usernames)}")
        left = show.client.account()["quota"]["monthly"]["publishes"]
        say()
        say(f"6. Publishes left this month: {left['remaining']} of {left['limit']}.")
    say()
    say("Next:")
    width = max(len(words) for words, _ in _NEXT)
    for words, why in _NEXT:
        say(f"  {words:<{width}}  {why}")


def _show_when(post: Item) -> str:
    moment = post_time(post)
    return format_time_short(moment.astimezone(UTC), ZONE) if moment is not None else ""
