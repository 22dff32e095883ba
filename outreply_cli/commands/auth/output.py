"""Output of the commands of `outreply auth`."""

from collections.abc import Iterable, Sequence

from outreply_cli.spec.scopes import COMMAND_SCOPES, allowed_commands, missing_scopes


def describe_scopes(scopes: Iterable[str]) -> list[str]:
    """Lines about a token that holds `scopes`."""
    held = list(scopes)
    missing = missing_scopes(held)
    if not missing:
        return ["This token can do everything that outreply does."]
    lines = [f"This token can: {_short(allowed_commands(held))}."]
    lines += [
        f"Without {scope} it can't: {_short(commands)}."
        for scope, commands in missing.items()
        if commands
    ]
    return lines


def _short(commands: Sequence[str]) -> str:
    verbs: dict[str, list[str]] = {}
    for command in commands:
        group, verb = command.split()
        verbs.setdefault(group, []).append(verb)
    return "; ".join(
        group if _is_whole(group, listed) else f"{group} {', '.join(listed)}"
        for group, listed in verbs.items()
    )


def _is_whole(group: str, listed: Sequence[str]) -> bool:
    return len(listed) == sum(command.split()[0] == group for command in COMMAND_SCOPES) > 1
