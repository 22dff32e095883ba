"""The skill that `outreply examples agent-skill` prints; its list of tools is generated.

`UPDATE_GOLDEN=1 pytest -n 0 tests/commands/test_agent_skill.py` writes the list.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

import outreply_cli
from outreply_cli.commands.mcp.gateway import AgentGateway, CommandOutput, WriteLimits
from outreply_cli.commands.mcp.plan_store import PlanStore
from outreply_cli.commands.mcp.server import RESOURCES
from tests.clocks import ManualClock
from tests.command_line import CommandLine, command_tree
from tests.golden.update import update_text

PATH = Path(outreply_cli.__file__).parent / "examples" / "agent-skill.md"
BEGIN, END = "## Tools\n\n", "Resources:"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[AgentGateway]:
    with closing(PlanStore(tmp_path / "plans.db")) as plans:
        yield AgentGateway(
            command_tree(), plans, WriteLimits(), "account", "Alex Doe", ManualClock(),
            lambda *_: CommandOutput(0, None, None), list,
        )  # fmt: skip


def list_tools(gateway: AgentGateway) -> str:
    lines = []
    for title, is_read_only in (("Read", True), ("Write, as a plan", False)):
        lines += [f"{title}:", ""]
        for tool in gateway.tools:
            if tool.is_read_only is is_read_only:
                summary = tool.description.partition(" Returns a plan;")[0].partition("\n")[0]
                lines.append(f"- `{tool.name}`: {summary}")
        lines.append("")
    return "\n".join(lines)


def test_skill_lists_the_tools(gateway: AgentGateway) -> None:
    text = PATH.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    expected = head + BEGIN + list_tools(gateway) + "\n" + END + rest.partition(END)[2]
    update_text(PATH, expected)
    assert PATH.read_text(encoding="utf-8") == expected


def test_skill_names_only_what_exists(cli: CommandLine, gateway: AgentGateway) -> None:
    text = cli.run("examples", "agent-skill").out
    assert text == PATH.read_text(encoding="utf-8")
    tools = {tool.name for tool in gateway.tools}
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", text))
    assert named <= tools
    assert set(re.findall(r"`(outreply://\w+)`", text)) == set(RESOURCES)
    for words in re.findall(r"`outreply ([a-z ]+)`", text):
        assert cli.run(*words.split(), "--help").code == 0, words


def test_skill_has_a_valid_header() -> None:
    header = PATH.read_text(encoding="utf-8").split("---\n", 2)[1]
    fields = yaml.safe_load(header)
    assert fields.keys() == {"name", "description"}
    assert re.fullmatch(r"[a-z0-9-]{1,64}", fields["name"])
    assert 0 < len(fields["description"]) <= 1024
