"""Waiting until a scheduled post is out."""

from outreply_cli.api.client import Client, Resource, post_time
from outreply_cli.api.errors import NotFoundError
from outreply_cli.clock import Clock
from outreply_cli.errors import OutReplyError

_SHORTEST_PAUSE = 2.0
_LONGEST_PAUSE = 30.0


class PostFailedError(OutReplyError):
    """The platform did not take the post."""

    code = "POST_FAILED"


class WaitTimeoutError(OutReplyError):
    """The post was still pending when the time was over."""

    code = "WAITED_TOO_LONG"


def wait_until_published(client: Client, clock: Clock, post_id: str, *, seconds: float) -> Resource:
    """The published post called `post_id`, once it is out.

    Args:
        client: Asked now and then; seldom while the post's time is far.
        clock: Waits.
        post_id: A scheduled or published post.
        seconds: How long at most.

    Raises:
        PostFailedError: It failed.
        NotFoundError: It is neither scheduled nor published.
        WaitedTooLongError: It was still pending after `seconds`.
    """
    deadline = clock.monotonic() + seconds
    while True:
        try:
            post = client.scheduled_post(post_id)
        except NotFoundError:
            return client.post(post_id)
        if post.get("status") == "failed":
            reason = post.get("error") or post.get("failure_reason") or "the API does not say why"
            raise PostFailedError(f"the post {post_id} failed: {reason}")
        if post.get("status") == "published":
            return post
        left = deadline - clock.monotonic()
        if left <= 0:
            raise WaitTimeoutError(
                f"the post {post_id} was still pending", hint="Wait longer with --timeout."
            )
        due = post_time(post)
        ahead = (due - client.now()).total_seconds() if due is not None else 0.0
        pause = min(max(_SHORTEST_PAUSE, ahead), _LONGEST_PAUSE, max(left, 0.1))
        clock.sleep(pause)
