"""Commands that act on several things by their IDs."""

from collections.abc import Callable, Sequence

from outreply_cli.api.errors import stops_batch
from outreply_cli.context import Context
from outreply_cli.errors import OutReplyError, raise_for_failures
from outreply_cli.ui.columns import Column, Item


def act_on_each(
    context: Context,
    ids: Sequence[str],
    act: Callable[[str], Item | None],
    *,
    done: str,
    describe: Callable[[Item], str] | None = None,
    id_field: str = "id",
) -> None:
    """Call `act` with each of `ids` once, and print those that it succeeded for.

    Args:
        context: The context of the command.
        ids: The IDs.
        act: Performs the action on one ID; may return fields of the object.
        done: Past-tense verb for the output, such as `Deleted`.
        describe: Formats those fields as text.
        id_field: Name of the ID in the output.

    Raises:
        OutReplyError: The error for the only ID, or for the first one if all would fail with it.
        PartialFailureError: Some of several failed.
    """
    unique_ids = list(dict.fromkeys(ids))
    succeeded: list[Item] = []
    failures: list[tuple[str, OutReplyError]] = []
    for item_id in unique_ids:
        try:
            fields = act(item_id)
            succeeded.append({**(fields or {}), id_field: item_id, "success": True})
        except OutReplyError as error:
            if stops_batch(error) and not (succeeded or failures):
                if len(unique_ids) == 1:
                    raise
                # Whether this one was carried out may not be known.
                raise error.replace(
                    message=f"{item_id}: {error.message.rstrip('.')}; the others were not attempted"
                ) from None
            failures.append((item_id, error))
    if context.options.output == "table" and not context.options.quiet:
        for item in succeeded:
            details = describe(item) if describe is not None else ""
            context.output.print_line(f"{done} {item[id_field]}{': ' * bool(details)}{details}")
    elif succeeded or len(unique_ids) > 1:
        columns = [Column("ID", id_field), Column("Success", "success")]
        context.output.print_list(succeeded, columns, id_field=id_field)
    raise_for_failures(failures, len(unique_ids))
