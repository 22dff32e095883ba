"""Output shared by the commands of `outreply auth`."""

from collections.abc import Iterable, Sequence

from outreply_cli.spec.scopes import COMMAND_SCOPES, allowed_commands, missing_scopes


def describe_scopes(scopes: Iterable[str]) -> list[str]:
    """Lines about what a token with these scopes can and can't do."""
    granted = list(scopes)
    missing = missing_scopes(granted)
    if not missing:
        return ["This token can run all commands."]
    lines = [f"This token can run: {_group(allowed_commands(granted))}."]
    lines += [
        f"Without {scope} it can't run: {_group(commands)}."
        for scope, commands in missing.items()
        if commands
    ]
    return lines


def _group(commands: Sequence[str]) -> str:
    verbs_by_group: dict[str, list[str]] = {}
    for command in commands:
        group, verb = command.split()
        verbs_by_group.setdefault(group, []).append(verb)
    return "; ".join(
        group if _is_complete(group, verbs) else f"{group} {', '.join(verbs)}"
        for group, verbs in verbs_by_group.items()
    )


def _is_complete(group: str, verbs: Sequence[str]) -> bool:
    return len(verbs) == sum(command.split()[0] == group for command in COMMAND_SCOPES) > 1
