"""`outreply webhooks events`."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    event: Annotated[
        str | None, typer.Argument(metavar="[EVENT]", help="Show an example of it.")
    ] = None,
) -> None:
    """List the events, or show an example of one.

    Example: outreply webhooks events

    Example: outreply webhooks events post.published
    """
    from outreply_cli.spec.limits import EVENTS
    from outreply_cli.ui.output import Column
    from outreply_cli.webhooks.fixtures import sample_event

    now = context.clock.now()
    if event is not None:
        context.output.write_json(sample_event(event, now))
        return
    items = [
        {"event": name, "fires_when": when, "fields": _paths(sample_event(name, now)["data"], "data"),
         "example": sample_event(name, now)}
        for name, when in EVENTS.items()
    ]  # fmt: skip
    context.output.print_list(
        items,
        [Column("Event", "event"), Column("Fires when", "fires_when", shrinkable=True)],
        id_field="event",
    )


def _paths(value: object, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [path]
    return [each for key, below in value.items() for each in _paths(below, f"{path}.{key}")]
