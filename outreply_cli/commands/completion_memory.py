"""What commands saw of an account the last time: names beside ids."""

from outreply_cli.completion.cache import KnownValues
from outreply_cli.context import Session


def page_usernames(session: Session, profile: str | None = None) -> dict[str, str]:
    """User names by page id; asks nobody.

    Args:
        session: Whose environment and files.
        profile: Whose pages; by default those of the account that the command acts for.
    """
    return KnownValues.load(session.known_values_file(profile)).usernames()
