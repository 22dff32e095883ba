"""Scopes that each command requires (reference: Scopes, Endpoint reference)."""

from collections.abc import Iterable, Mapping

from outreply_cli.formats.json import load_data
from outreply_cli.spec.limits import EVERY_SCOPE, SCOPES

# Required scopes only; some commands read more if they may. `posts edit` requires `read:account`:
# an edited post is cancelled first, which requires knowing how many publishes are left.
COMMAND_SCOPES: Mapping[str, list[str]] = load_data(__file__, "scopes.json")


def get_allowed_commands(granted: Iterable[str]) -> list[str]:
    """The commands that a token with the `granted` scopes can run."""
    scopes = set(granted)
    return [
        command
        for command, required in COMMAND_SCOPES.items()
        if EVERY_SCOPE in scopes or scopes.issuperset(required)
    ]


def missing_scopes(granted: Iterable[str]) -> dict[str, list[str]]:
    """The scopes that a token lacks, each with the commands that require it."""
    scopes = set(granted)
    if EVERY_SCOPE in scopes:
        return {}
    return {
        scope: [command for command, required in COMMAND_SCOPES.items() if scope in required]
        for scope in SCOPES
        if scope not in scopes
    }
