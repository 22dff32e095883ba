"""The completion specification, generated from the command tree; see `completion.spec`."""

import json
from typing import Any

from outreply_cli.cli.tree import Command
from tests.completion.values import KINDS, kind_for


def build_spec(root: Command) -> dict[str, Any]:
    """The specification of the tree below `root`."""
    options: list[Any] = []
    kinds: dict[str, Any] = {}
    commands: dict[str, Any] = {}

    def value_kind(command: Command, name: str) -> str:
        kind = kind_for(command.path, name)
        if kind:
            kinds[kind] = KINDS[kind]
        return kind

    for command in root.walk():
        indexes = []
        for option in command.options:
            kind = value_kind(command, option.name) if option.takes_value else None
            entry = [list(option.flags), option.help, kind, option.multiple]
            if entry not in options:
                options.append(entry)
            indexes.append(options.index(entry))
        commands[" ".join(command.path)] = {
            "commands": {
                subcommand.path[-1]: subcommand.summary for subcommand in command.commands
            },
            "options": indexes,
            "arguments": [
                [value_kind(command, argument.name), argument.multiple]
                for argument in command.arguments
            ],
        }
    return {"options": options, "kinds": kinds, "commands": commands}


def format_spec(spec: dict[str, Any]) -> str:
    """The text of `spec.json`, one entry per line so that a change is easy to review."""
    parts = []
    for name, entries in spec.items():
        is_list = isinstance(entries, list)
        items = entries if is_list else entries.items()
        lines = [
            json.dumps(item, ensure_ascii=False)
            if is_list
            else f"{json.dumps(item[0])}: {json.dumps(item[1], ensure_ascii=False)}"
            for item in items
        ]
        opening, closing = "[]" if is_list else "{}"
        parts.append(f"{json.dumps(name)}: {opening}\n" + ",\n".join(lines) + f"\n{closing}")
    return "{" + ",\n".join(parts) + "}\n"
