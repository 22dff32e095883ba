"""Requests as text for other tools, from the templates in `templates/print`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from outreply_cli.errors import InvalidInputError

if TYPE_CHECKING:
    from outreply_cli.api.request_builders import ApiRequest

TOOLS = ("curl", "python", "node", "n8n", "make", "zapier")
_PROGRAMS = ("curl", "python", "node")


def render(tool: str, requests: "Sequence[ApiRequest]", base_url: str) -> str:
    """Return text for one of TOOLS that sends requests in order, until one of them fails.

    Raises:
        InvalidInputError: A request has a file, and the tool cannot read files of this machine.
    """
    from outreply_cli.snippets.template import render_template

    for request in requests:
        if request.file is not None and tool not in _PROGRAMS:
            raise InvalidInputError(
                f"--print: this tool cannot read {request.file.path}, a file of this machine",
                hint="Upload it with: outreply media upload FILE; then attach it with media:ID.",
            )
    return render_template(tool, requests, base_url)
