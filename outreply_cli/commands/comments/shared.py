"""Options and helpers that the commands of `outreply comments` share."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError

if TYPE_CHECKING:
    from outreply_cli.api.client import Client, Resource
    from outreply_cli.comments.store import CommentStore

SinceOption = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Show only comments newer than TIME, such as 2h or 'mon 09:00'."
    ),
]
DaysOption = Annotated[
    int, typer.Option(metavar="DAYS", min=1, max=365, help="Include posts of this many past days.")
]


@contextmanager
def comment_store(context: Context, client: "Client") -> "Iterator[CommentStore]":
    """Open the comments database of the client's account; raises StorageError."""
    from outreply_cli.comments.store import COMMENTS_FILE, CommentStore
    from outreply_cli.journal.account import account_fingerprint

    path = context.state_dir / COMMENTS_FILE
    with closing(CommentStore(path, account_fingerprint(client))) as store:
        yield store


def resolve_post(client: "Client", name: str) -> "Resource":
    """Return the published post with an ID (the API's or the platform's) or URL.

    Raises:
        InvalidInputError: No published post has that URL.
    """
    if "://" not in name:
        return client.find_published(name) or {"id": name}
    url = name.strip().rstrip("/")
    for post in client.published_posts().items:
        if str(post.get("permalink") or "").rstrip("/") == url:
            return post
    raise InvalidInputError(
        f"published post not found: {name}",
        hint="Use a post ID; see: outreply posts list --published",
    )
