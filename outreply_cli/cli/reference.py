"""The command tree as `outreply help --json` prints it."""

import json
from functools import cache
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
    "posts edit", "posts retry", "posts export", "bulk export", "bulk reconcile",
    "media upload", "media delete", "media prune", "comments triage", "webhooks trigger",
    "webhooks check", "webhooks replay", "demo", "analytics collect",
})  # fmt: skip
# Read-only commands that show objects of the API, which may have fields that no schema knows: an
# unknown `--fields` is an error only if no printed object has it. Commands that stream are not
# included, because the error would come late.
OPEN_RESULTS = frozenset({
    "api", "brands list", "brands show", "comments inbox", "comments list", "errors",
    "media list", "media show", "pages list", "pages show", "posts calendar", "posts list",
    "posts show", "posts wait", "quota show", "webhooks list", "webhooks show",
})  # fmt: skip
# Additional exit codes, by group or command.
_EXIT_CODES = {
    "auth switch": {ExitCode.NOT_FOUND},
    # These fetch a calendar from a URL.
    "bulk check": {ExitCode.NETWORK},
    "bulk convert": {ExitCode.NETWORK},
    "emulator": {ExitCode.NOT_FOUND, ExitCode.NETWORK},
    "posts wait": {ExitCode.TIMEOUT},
    "serve-webhook": {ExitCode.NOT_FOUND, ExitCode.NETWORK, ExitCode.TIMEOUT},
    "webhooks": {ExitCode.NOT_FOUND, ExitCode.NETWORK},
}


def tree_as_json(command: Command) -> dict[str, Any]:
    """A command and everything below it, with exit codes, scopes and result schemas."""
    name = " ".join(command.path)
    entry: dict[str, Any] = {
        "name": command.path[-1] if command.path else "outreply",
        "help": command.summary,
        "description": command.description,
        "usage": command.usage,
        "examples": list(command.examples),
        "arguments": [argument.as_json() for argument in command.arguments],
        "options": [option.as_json() for option in command.options],
        "commands": [tree_as_json(subcommand) for subcommand in command.commands],
    }
    if not command.commands:
        entry["exit_codes"] = exit_codes(command)
        entry["scopes"] = list(COMMAND_SCOPES.get(name, ()))
        entry["result"] = result_schema(name)
    return entry


def result_schema(name: str) -> dict[str, Any] | None:
    """The JSON Schema of what a command such as `posts list` prints; None if it prints none."""
    return _schemas().get(name.replace(" ", "-"))


def exit_codes(command: Command) -> list[int]:
    """The exit codes that a command can exit with, in ascending order."""
    name = " ".join(command.path)
    codes = _COMMON_EXIT_CODES.union(*(_EXIT_CODES.get(key, ()) for key in (command.path[0], name)))
    if any(option.name in {"profile", "tunnel"} for option in command.options):
        codes |= _API_EXIT_CODES
    if name in _BATCHES:
        codes |= {ExitCode.PARTIAL}
    return sorted(map(int, codes))


@cache
def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = json.loads(SCHEMAS_PATH.read_text(encoding="utf-8"))
    return schemas
