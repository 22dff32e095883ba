"""The command tree as `outreply help --json` prints it."""

import json
from pathlib import Path
from typing import Any

from outreply_cli.cli.tree import Command
from outreply_cli.errors import ExitCode
from outreply_cli.spec.scopes import COMMAND_SCOPES

SCHEMAS_PATH = Path(__file__).parent / "schemas.json"
_COMMON_EXIT_CODES = {ExitCode.SUCCESS, ExitCode.ERROR, ExitCode.USAGE, ExitCode.INTERRUPTED}
_API_EXIT_CODES = {ExitCode.AUTH, ExitCode.NOT_FOUND, ExitCode.LIMIT_EXCEEDED, ExitCode.NETWORK}
# Commands that act on several things, some of which may fail.
_BATCHES = frozenset({
    "posts schedule", "posts publish", "posts cancel", "bulk schedule", "bulk apply", "bulk cancel",
    "posts retry", "posts export", "bulk export",
    "media upload", "media delete", "media prune", "comments triage", "webhooks trigger",
    "webhooks check", "webhooks replay", "demo",
})  # fmt: skip
# Commands that wait for something that may not come in time.
_WAITS = frozenset({"posts wait", "serve-webhook"})


def tree_as_json(command: Command) -> dict[str, Any]:
    """A command and everything below it, with exit codes, scopes and result schemas."""
    schemas = json.loads(SCHEMAS_PATH.read_text(encoding="utf-8"))
    return _as_json(command, schemas)


def exit_codes(command: Command) -> list[int]:
    """The exit codes that a command can end with, in ascending order."""
    name = " ".join(command.path)
    codes = set(_COMMON_EXIT_CODES)
    if any(option.name == "profile" for option in command.options):
        codes |= _API_EXIT_CODES
    if command.path[:1] == ("emulator",):
        codes |= {ExitCode.NOT_FOUND, ExitCode.NETWORK}
    if name in _BATCHES:
        codes |= {ExitCode.PARTIAL}
    if command.path[:1] in {("webhooks",), ("serve-webhook",)}:
        codes |= {ExitCode.NOT_FOUND, ExitCode.NETWORK}
    if name in _WAITS:
        codes |= {ExitCode.TIMEOUT}
    return sorted(int(code) for code in codes)


def _as_json(command: Command, schemas: dict[str, Any]) -> dict[str, Any]:
    name = " ".join(command.path)
    entry: dict[str, Any] = {
        "name": command.path[-1] if command.path else "outreply",
        "help": command.summary,
        "description": command.description,
        "usage": command.usage,
        "examples": list(command.examples),
        "arguments": [argument.as_json() for argument in command.arguments],
        "options": [option.as_json() for option in command.options],
        "commands": [_as_json(below, schemas) for below in command.commands],
    }
    if not command.commands:
        entry["exit_codes"] = exit_codes(command)
        entry["scopes"] = list(COMMAND_SCOPES.get(name, ()))
        entry["result"] = schemas.get(name.replace(" ", "-"))
    return entry
