"""Upload of the files of rows before their posts are sent."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from outreply_cli.bulk.executor import RowResult, RowStatus, is_fatal
from outreply_cli.bulk.plan import Action, ActionType
from outreply_cli.errors import OutReplyError
from outreply_cli.media.uploader import Uploader


def upload_files(
    actions: Sequence[Action], uploader: Uploader, on_fatal: Callable[[OutReplyError], None]
) -> tuple[list[Action], dict[int, RowResult]]:
    """Upload the files of new posts.

    Args:
        actions: Actions of the plan.
        uploader: Uploads each content once.
        on_fatal: Called with an error that ends the run.

    Returns:
        The actions with the media IDs in their drafts, and the results of those whose upload
        failed, by index.
    """
    ready: list[Action] = []
    failed: dict[int, RowResult] = {}
    for index, action in enumerate(actions):
        ready.append(action)
        if action.kind not in {ActionType.CREATE, ActionType.CHANGE}:
            continue
        try:
            ready[-1] = _with_media(action, uploader)
        except OutReplyError as error:
            if is_fatal(error):
                on_fatal(error)
            status = RowStatus.PENDING if is_fatal(error) else RowStatus.FAILED
            failed[index] = RowResult(action, status, None, error)
    return ready, failed


def _with_media(action: Action, uploader: Uploader) -> Action:
    if action.post is None or action.draft is None or not action.post.media_files:
        return action
    uploaded = [uploader.upload(file) for file in action.post.media_files]
    media_ids = [*action.post.row.content.media_ids, *uploaded]
    draft = replace(action.draft, body={**action.draft.body, "media_ids": media_ids})
    return action._replace(draft=draft)
