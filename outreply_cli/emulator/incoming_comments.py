"""Comments that are received later, when they become due."""

from outreply_cli.emulator.state import State

MAX_COMMENT_CHARACTERS = 100_000
_DAY_SECONDS = 86_400.0
_COMMENTERS = (
    ("Jane Doe", "jane.doe", "Love this!"),
    ("Mateo Ruiz", "mateo", "Where can I get one?"),
    ("Priya Nair", "priya.n", "Is this open on Sunday?"),
    ("Sam Lee", "samlee", "What did you use for the picture?"),
    ("Ana Souza", "anasouza", "Saudades 💚"),
    ("Noor Haddad", "noor", "Do you ship abroad?"),
)


def add_random_comments(state: State, post_id: str, published_at: float) -> None:
    """Add the configured number of comments to the day after a post is published."""
    for number in range(state.config.comments_per_post):
        key = f"{post_id}/{number}"
        comment = _COMMENTERS[int(state.random_for(key) * len(_COMMENTERS))]
        due_at = published_at + round(_DAY_SECONDS * state.random_for(key + "/time"))
        add_incoming_comment(state, post_id, comment, due_at)


def add_incoming_comment(
    state: State,
    post_id: str,
    comment: tuple[str, str, str],
    due_at: float,
    parent_id: str | None = None,
) -> None:
    """Add a comment (name, username, text) that is received at the Unix time `due_at`."""
    name, username, message = comment
    state.insert(
        "arrivals", due_at=due_at, post_id=post_id, parent_id=parent_id, author_name=name,
        author_username=username, message=message,
    )  # fmt: skip
