"""Waiting until a scheduled post is published."""

from outreply_cli.api.client import Client, Resource, post_time
from outreply_cli.api.errors import NotFoundError
from outreply_cli.api.resend import LIST_LAG
from outreply_cli.clock import Clock
from outreply_cli.errors import ExitCode, OutReplyError

_MIN_PAUSE = 2.0
_MAX_PAUSE = 30.0


class PostFailedError(OutReplyError):
    """The platform rejected the post."""

    code = "POST_FAILED"


class WaitTimeoutError(OutReplyError):
    """The post was not published in time."""

    code = "TIMEOUT"
    exit_code = ExitCode.TIMEOUT


def wait_until_published(client: Client, clock: Clock, post_id: str, *, timeout: float) -> Resource:
    """Poll the post `post_id` until it is published, for at most `timeout` seconds; return it.

    Raises:
        PostFailedError: The post failed.
        NotFoundError: The post is in neither list, or disappeared from both during the wait.
        WaitTimeoutError: The post was not published within `timeout`.
    """
    deadline = clock.monotonic() + timeout
    post: Resource = {}
    missing_since: float | None = None
    while True:
        try:
            post = client.scheduled_post(post_id)
        except NotFoundError:
            published = client.find_published(post_id)
            if published is not None:
                return {"status": "published", **published}
            # A post may be listed as published only some time after it was.
            missing_since = missing_since or clock.monotonic()
            if not post or clock.monotonic() - missing_since >= LIST_LAG.total_seconds():
                raise
        if post.get("status") == "failed":
            reason = post.get("error") or post.get("failure_reason")
            raise PostFailedError(
                f"post {post_id} failed" + (f": {reason}" if reason else ""),
                hint=None if reason else "For the reason, see: outreply posts list --failed",
            )
        if post.get("status") == "published":
            return post
        left = deadline - clock.monotonic()
        if left <= 0:
            raise WaitTimeoutError(
                f"timed out: post {post_id} is not published yet", hint="Use a longer --timeout."
            )
        due = post_time(post)
        ahead = (due - client.now()).total_seconds() if due is not None else 0.0
        clock.sleep(min(max(_MIN_PAUSE, ahead), _MAX_PAUSE, max(left, 0.1)))
