"""What commands saw of an account the last time: for completion, and for names beside ids."""

from pathlib import Path

from outreply_cli.completion.known_values import KnownValues, account_file
from outreply_cli.terminal.session import Session


def known_values_file(session: Session, profile: str | None = None) -> Path:
    """Where what was seen of an account is kept.

    Args:
        session: Whose environment and files.
        profile: The account's; by default that which the command acts for.
    """
    flag = profile or session.choices.profile
    current = "" if flag else session.profiles.current
    return Path(account_file(session.state_dir, session.environ, flag=flag, current=current))


def page_usernames(session: Session, profile: str | None = None) -> dict[str, str]:
    """User names by page id; asks nobody.

    Args:
        session: Whose environment and files.
        profile: Whose pages; by default those of the account that the command acts for.
    """
    return KnownValues.load(known_values_file(session, profile)).usernames()
