"""The files of a calendar's rows, uploaded once each before the rows go out."""

from collections.abc import Callable, Sequence

from outreply_cli.bulk.executor import RowResult, RowStatus, is_fatal
from outreply_cli.bulk.plan import Action, ActionType, Plan
from outreply_cli.errors import OutReplyError
from outreply_cli.formats.sizes import format_size
from outreply_cli.media.files import MediaFile, StorageLimits
from outreply_cli.media.uploader import Uploader


def check_storage(
    plan: Plan, limits: StorageLimits, uploader: Uploader, *, may_upload: bool
) -> None:
    """Add to `plan` that its files need more storage than is left, or may not be uploaded.

    Args:
        plan: Its creates and changes are what needs files.
        limits: What the account takes.
        uploader: Knows what is there already.
        may_upload: Whether files may be uploaded at all.
    """
    new: dict[str, int] = {}
    for action in plan.of_kind(ActionType.CREATE, ActionType.CHANGE):
        if action.matched is None or not action.matched.target.media_files:
            continue
        for file in action.matched.target.media_files:
            if file.sha256 in new or uploader.known_media_id(file) is not None:
                continue
            new[file.sha256] = file.size
            what = None
            if not may_upload:
                what = f"{file.path.name} has to be uploaded, and --no-upload forbids it"
            elif limits.remaining_bytes is not None and sum(new.values()) > limits.remaining_bytes:
                left = format_size(limits.remaining_bytes)
                what = f"{file.path.name} does not fit: {left} of storage are left"
            if what is not None:
                plan.problems.append(action.matched.target.row.problem("media_files", what))


def upload_files(
    actions: Sequence[Action], uploader: Uploader, on_failure: Callable[[OutReplyError], None]
) -> tuple[list[Action], dict[int, RowResult]]:
    """Upload what the rows need.

    Args:
        actions: The plan's.
        uploader: Uploads each content once.
        on_failure: Called with what has to end the whole run.

    Returns:
        The actions, their bodies with the media's ids; and the results of those that can't go on,
        by their place.
    """
    ready: list[Action] = []
    failed: dict[int, RowResult] = {}
    for place, action in enumerate(actions):
        files = action.matched.target.media_files if action.matched is not None else ()
        if not files or action.kind not in {ActionType.CREATE, ActionType.CHANGE}:
            ready.append(action)
            continue
        try:
            ready.append(_with_media(action, files, uploader))
        except OutReplyError as error:
            ready.append(action)
            if is_fatal(error):
                failed[place] = RowResult(action, RowStatus.PENDING, None, error)
                on_failure(error)
            else:
                failed[place] = RowResult(action, RowStatus.FAILED, None, error)
    return ready, failed


def _with_media(action: Action, files: Sequence[MediaFile], uploader: Uploader) -> Action:
    one = action.matched
    assert one is not None
    own = list(one.target.content.media_ids)
    body = {**one.body, "media_ids": own + [uploader.upload(file) for file in files]}
    return action._replace(matched=one._replace(body=body))
