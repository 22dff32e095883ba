"""`--print`: requests as text for another tool."""

from collections.abc import Sequence

from outreply_cli.api.client import Client
from outreply_cli.api.request_builders import ApiRequest
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sanitize import escape_control_json


def print_requests(context: Context, client: Client, requests: Sequence[ApiRequest]) -> None:
    """Print requests for the tool of `--print`, and send nothing.

    Raises:
        InvalidInputError: A request has a secret, or the tool cannot send it.
    """
    from outreply_cli.snippets import render

    for request in requests:
        if request.file is not None and not request.file.path.isprintable():
            raise InvalidInputError(
                f"--print: the name {request.file.path!r} cannot be printed",
                hint="Rename the file.",
            )
        client.transport.refuse_secrets([request.path, request.query, request.headers])
        client.transport.refuse_secrets(request.body)
    text = render(str(context.options.print_as), requests, client.transport.base_url)
    output = context.output
    # Strings are in JSON, where an escape means the same, or in Python, which is escaped already.
    output.print_text(escape_control_json(text) if output.is_terminal else text)
    hint = (
        " For another post or reply, use another Idempotency-Key."
        if any(map(_creates, requests))
        else ""
    )
    context.info(f"Nothing was sent.{hint}")


def _creates(request: ApiRequest) -> bool:
    return request.is_write and request.body is not None
