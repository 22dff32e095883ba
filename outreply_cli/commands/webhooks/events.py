"""`outreply webhooks events`."""

from typing import Annotated

from outreply_cli.cli.options import argument, command
from outreply_cli.context import Context


@command(api=False)
def run(
    context: Context,
    event: Annotated[str | None, argument("[EVENT]", "Show an example of this event.")] = None,
) -> None:
    """List webhook events, or show an example payload.

    Example: outreply webhooks events

    Example: outreply webhooks events post.published
    """
    from outreply_cli.spec.limits import EVENTS
    from outreply_cli.ui.columns import Column
    from outreply_cli.webhooks.samples import sample_event

    now = context.clock.now()
    if event is not None:
        context.output.print_data(sample_event(event, now))
        return
    items = []
    for name, description in EVENTS.items():
        example = sample_event(name, now)
        fields = _paths(example["data"], "data")
        items.append(
            {"event": name, "description": description, "fields": fields, "example": example}
        )
    context.output.print_list(
        items,
        [Column("Event", "event"), Column("Description", "description", shrinkable=True)],
        id_field="event",
    )


def _paths(value: object, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [path]
    return [
        child_path for key, child in value.items() for child_path in _paths(child, f"{path}.{key}")
    ]
