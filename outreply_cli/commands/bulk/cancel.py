"""`outreply bulk cancel`."""

from outreply_cli.bulk.loader import calendar_path
from outreply_cli.bulk.plan import Action, ActionType
from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.bulk.options import File, WaitLock, bulk_context, parse_options
from outreply_cli.commands.bulk.output import finish_run, show_results
from outreply_cli.context import Context
from outreply_cli.ui.progress import progress


@command()
def run(context: Context, file: File, wait_lock: WaitLock = "30s", yes: Yes = False) -> None:
    """Cancel every pending post of a calendar; what is out stays.

    Example: outreply bulk cancel launch.csv --yes

    Example: outreply bulk cancel launch.csv --yes --json
    """
    path = calendar_path(file)
    settings = parse_options(context, tz=None)
    with bulk_context(context, settings, [path], wait_lock=wait_lock) as bulk:
        pending = bulk.run.pending_entries(bulk.view, path)
        if not pending:
            context.info(f"There is nothing to cancel: no pending post came from {file}.")
            return
        context.confirm(f"Cancel {len(pending)} pending posts of {file}?", yes=yes)
        actions = [Action.on_entry(ActionType.CANCEL, entry, "bulk cancel") for entry in pending]
        with progress(context.notes, "Cancelling", len(actions), bulk.requests_left) as bar:
            done = bulk.run.apply_actions(
                bulk.view.digest, path, actions, bulk.stop, on_result=bar.step
            )
    results = [(file, result) for result in done.results]
    show_results(context, results, None)
    finish_run(context, results, bulk.stop)
