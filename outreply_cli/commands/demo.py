"""`outreply demo`."""

from datetime import timedelta

from outreply_cli.cancellation import CancellationToken
from outreply_cli.cli.options import command
from outreply_cli.commands.bulk.output import plan_summary, show_plan
from outreply_cli.context import Context
from outreply_cli.demo import CALENDAR_NAME, ZONE, Demo
from outreply_cli.pages import page_alias
from outreply_cli.times import format_time_short
from outreply_cli.timestamps import parse_timestamp
from outreply_cli.ui.columns import Column, Item
from outreply_cli.webhooks.event import summarize

_NEXT_STEPS = (
    ("outreply emulator start", "Keep an emulator running."),
    ("outreply bulk template csv > my.csv", "Start your own calendar."),
    ("outreply auth login", "Sign in to your account."),
)


@command(api=False)
def run(context: Context) -> None:
    """Run a self-contained demo against a local emulator.

    Requires no account and leaves no files behind.

    Example: outreply demo

    Example: outreply demo --plain
    """
    print_line = context.output.print_line
    with Demo(context.clock) as demo:
        path = demo.write_calendar()
        print_line(f"1. An emulator of the OutReply API runs at {demo.server.base_url}")
        print_line(f"   The plan for {CALENDAR_NAME}, a calendar of a dozen posts:")
        print_line()
        service, planned = demo.plan(path)
        pages = planned.account.pages
        show_plan(context.output, planned, ZONE)
        report = service.apply(planned, CancellationToken(), lambda _: None)
        scheduled = sum(result.post_id is not None for result in report.results)
        print_line()
        print_line(f"2. Scheduled over HTTP: {scheduled} of {len(report.results)} posts.")
        _, second_plan = demo.plan(path)
        print_line(f"3. The plan again: {plan_summary(second_plan.plan)}; nothing is sent twice.")
        demo.receive_webhooks()
        started_at = demo.client.now()
        advanced = demo.advance_past(days=3)
        print_line(f"4. Three days later, {advanced['published']} posts are published:")
        print_line()
        aliases = {page["id"]: page_alias(page) for page in pages}
        published = demo.client.published_posts(since=started_at - timedelta(minutes=1))
        context.output.print_list(
            published.items[::-1],
            [
                Column("When", "published_at", _format_time),
                Column("Page", "page_id", lambda post: aliases.get(post["page_id"], "")),
                Column("Message", "message", shrinkable=True),
            ],
        )
        usernames = {page["id"]: page["username"] for page in pages}
        deliveries = demo.deliveries(advanced["published"])
        verified = sum(received.delivery.is_verified for received in deliveries)
        print_line()
        print_line(
            f"5. A local receiver verified {verified} of {len(deliveries)} deliveries, such as"
        )
        for received in deliveries[:2]:
            if received.event is not None:
                summary = summarize(received.event, usernames)
                print_line(f"   {received.event.name}  {summary}")
        quota = demo.client.account()["quota"]["monthly"]["publishes"]
        print_line()
        month = f"{demo.client.now():%B}"
        print_line(f"6. Publishes remaining in {month}: {quota['remaining']} of {quota['limit']}.")
    print_line()
    print_line("Next steps:")
    width = max(len(step) for step, _ in _NEXT_STEPS)
    for step, description in _NEXT_STEPS:
        print_line(f"  {step:<{width}}  {description}")


def _format_time(post: Item) -> str:
    return format_time_short(parse_timestamp(post["published_at"]), ZONE)
