"""Requests as text for other tools; each tool of `--print` has a template."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outreply_cli.api.requests import ApiRequest

TOOLS = ("curl", "python", "node", "n8n", "make", "zapier")


def render(tool: str, requests: "Sequence[ApiRequest]", base_url: str) -> str:
    """Return text for one of TOOLS that sends requests in order, each after the last succeeded."""
    from outreply_cli.snippets import programs, workflows

    template = getattr(programs, tool, None) or getattr(workflows, tool)
    return str(template(requests, base_url))
