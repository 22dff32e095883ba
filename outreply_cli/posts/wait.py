"""Waiting until a scheduled post is published."""

from outreply_cli.api.client import Client, Resource, post_time
from outreply_cli.api.errors import NotFoundError
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
        NotFoundError: The post is neither scheduled nor published.
        WaitTimeoutError: The post was still scheduled after `timeout`.
    """
    deadline = clock.monotonic() + timeout
    while True:
        try:
            post = client.scheduled_post(post_id)
        except NotFoundError:
            return client.post(post_id)
        if post.get("status") == "failed":
            reason = post.get("error") or post.get("failure_reason") or "the API gives no reason"
            raise PostFailedError(f"post {post_id} failed: {reason}")
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
