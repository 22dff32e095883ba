"""Options and helpers that the commands of `outreply webhooks queue` share."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from outreply_cli.cli.options import option
from outreply_cli.commands.webhooks.output import iso_time
from outreply_cli.context import Context
from outreply_cli.errors import ExitCode, OutReplyError

if TYPE_CHECKING:
    from outreply_cli.webhooks.models import Delivery, Forward, ForwardState, QueuedDelivery
    from outreply_cli.webhooks.store import DeliveryStore

TargetOption = Annotated[
    str | None, option("TARGET", "Select the queue of this target, as shown by queue list.", "--to")
]


class NotQueuedError(OutReplyError):
    """A delivery is not in a queue, or not in a state that can be changed."""

    code = "NOT_QUEUED"
    exit_code = ExitCode.NOT_FOUND


def queued_to_dict(queued: "QueuedDelivery") -> dict[str, Any]:
    """The JSON object of a delivery in a queue."""
    forward, delivery = queued.forward, queued.delivery
    return {
        **_changed_to_dict(forward, delivery),
        "received_at": iso_time(delivery.received_at),
        "attempts": forward.attempts,
        "due_at": None if forward.due_at is None else iso_time(forward.due_at),
        "status": forward.status,
        "error": forward.error,
    }


def _changed_to_dict(forward: "Forward", delivery: "Delivery") -> dict[str, Any]:
    return {
        "number": delivery.number,
        "id": delivery.id,
        "event": delivery.event,
        "target": forward.target,
        "state": str(forward.state),
    }


def normalize_target(target: str | None) -> str | None:
    """The name of a target in the queue: a normalized URL, with its scheme."""
    if target is None or target.startswith("exec:"):
        return target
    from outreply_cli.net.urls import parse_http_url

    url = target if "://" in target else f"http://{target}"
    try:
        return str(parse_http_url(url))
    except ValueError:
        return url


def select_forwards(
    store: "DeliveryStore",
    ids: Sequence[str],
    target: str | None,
    states: "Sequence[ForwardState]",
) -> "list[Forward]":
    """The forwards of deliveries that are in one of `states`, for one target or for all of them.

    Raises:
        DeliveryNotFoundError: A delivery is not stored.
        NotQueuedError: A delivery has no such forward.
    """
    selected = []
    for name in ids:
        delivery = store.find(name)
        found = [
            forward
            for forward in store.forwards(delivery.number)
            if target is None or forward.target == target
        ]
        matching = [forward for forward in found if forward.state in states]
        if not matching:
            where = "" if target is None else f" for {target}"
            state = f"is {found[-1].state}" if found else "was never queued"
            raise NotQueuedError(
                f"delivery {name} is not queued{where}: it {state}",
                hint="See: outreply webhooks queue list",
            )
        selected += matching
    return selected


def change_forwards(
    context: Context,
    store: "DeliveryStore",
    forwards: "Sequence[Forward]",
    change: "Callable[[Sequence[Forward], float], int]",
    verb: str,
) -> None:
    """Apply `change` to forwards, and print their new states."""
    count = change(forwards, context.clock.now().timestamp())
    if context.options.output == "table" and not context.options.quiet:
        noun = "delivery" if count == 1 else "deliveries"
        context.info(f"{verb} {count} {noun}.")
        return
    changed = {forward.number for forward in forwards}
    items = [
        _changed_to_dict(forward, store.find(f"#{number}"))
        for number in dict.fromkeys(forward.delivery for forward in forwards)
        for forward in store.forwards(number)
        if forward.number in changed
    ]
    context.output.print_list(items, [], id_field="id")
