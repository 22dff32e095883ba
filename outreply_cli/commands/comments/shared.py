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
    str | None, typer.Option(metavar="T", help="Only later ones, such as 2h or 'mon 09:00'.")
]
DaysOption = Annotated[
    int, typer.Option(metavar="N", min=1, max=365, help="How old the posts may be.")
]


@contextmanager
def comment_store(context: Context, client: "Client") -> "Iterator[CommentStore]":
    """What this machine knows of the account's comments; raises StorageError."""
    from outreply_cli.comments.store import CommentStore
    from outreply_cli.journal.account import account_fingerprint

    with closing(
        CommentStore(context.state_dir / "comments.db", account_fingerprint(client))
    ) as memory:
        yield memory


def resolve_post(client: "Client", name: str) -> "Resource":
    """The published post with an id (ours or the platform's) or an address.

    Raises:
        InvalidInputError: It is an address that none of the listed posts has.
    """
    if "://" not in name:
        return client.find_published(name) or {"id": name}
    wanted = name.strip().rstrip("/")
    for post in client.published_posts().items:
        if str(post.get("permalink") or "").rstrip("/") == wanted:
            return post
    raise InvalidInputError(
        f"no published post has the address {name!r}",
        hint="Use its id; see: outreply posts list --published",
    )
