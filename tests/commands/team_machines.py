"""Machines with one account, and their calendar."""

import json

from tests.command_line import CommandLine

CALENDAR = """key,page,scheduled_at,timezone,message
a,facebook:acme,2026-12-01 10:00,UTC,First 50% off
b,facebook:acme,2026-12-02 10:00,UTC,Second
"""


def make_machine(cli: CommandLine, name: str) -> CommandLine:
    """Another machine with the same account, which uses the same team's store, if any."""
    machine = CommandLine(cli.home / name, cli.clock)
    names = ("OUTREPLY_API_KEY", "OUTREPLY_BASE_URL", "OUTREPLY_STORE_URL")
    machine.environ |= {name: cli.environ[name] for name in names if name in cli.environ}
    return machine


def log(cli: CommandLine, *words: str) -> list[dict[str, str]]:
    result = cli.run("store", "log", *words, "--json")
    assert result.code == 0, result.err
    return list(json.loads(result.out))
