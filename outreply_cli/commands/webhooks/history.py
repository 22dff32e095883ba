"""`outreply webhooks history`."""

from functools import partial
from typing import Annotated

from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.webhooks.output import history_columns, history_entry_to_dict
from outreply_cli.commands.webhooks.shared import TeamOption, open_store
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    limit: Annotated[
        int, option("COUNT", "Show at most COUNT deliveries.", min=1, max=100_000)
    ] = 50,
    event: Annotated[str | None, option("EVENT", "Filter by event, such as 'post.*'.")] = None,
    since: Annotated[
        str | None,
        option(
            "TIME", "Show only deliveries newer than TIME, such as 2h, 'yesterday 09:00' or a date."
        ),
    ] = None,
    failed: Annotated[bool, switch("Show only deliveries that a target did not accept.")] = False,
    invalid: Annotated[bool, switch("Show only deliveries that failed verification.")] = False,
    filter_text: Annotated[
        str | None,
        option(
            "CONDITIONS",
            "Filter by values of the payload, such as data.post.platform=instagram.",
            "--filter",
        ),
    ] = None,
    verbose: Annotated[
        bool,
        switch(
            "Include headers, bodies and the responses from targets (prints JSON).",
            "--verbose",
            "-v",
        ),
    ] = False,
    team: TeamOption = False,
) -> None:
    """Show deliveries that serve-webhook received, newest first.

    Example: outreply webhooks history --failed --since 2h

    Example: outreply webhooks history --event 'post.*' --json
    """
    from outreply_cli.spec.events import check_pattern
    from outreply_cli.time_parser import parse_past_time
    from outreply_cli.webhooks.conditions import parse_conditions
    from outreply_cli.webhooks.event import is_selected

    now, zone = context.clock.now(), context.zone()
    conditions = parse_conditions(filter_text, "--filter") if filter_text is not None else None
    with open_store(context, team=team, allow_readonly=True) as store:
        entries = store.history(
            limit=limit, event=event, only_failed=failed, only_invalid=invalid,
            since=parse_past_time(since, now=now, zone=zone) if since else None,
            predicate=None if conditions is None else partial(is_selected, conditions=conditions),
        )  # fmt: skip
        items = [
            history_entry_to_dict(entry, store.attempts(entry.delivery.number) if verbose else None)
            for entry in entries
        ]
    if event is not None and not entries:
        # Checked last: received events may be newer than this version.
        check_pattern(event, "--event")
    if verbose and context.options.output == "table" and not context.options.quiet:
        context.output.print_data(items)
    else:
        context.output.print_list(items, history_columns(zone))
