"""`outreply api`."""

from dataclasses import replace
from typing import Annotated

from outreply_cli.cli.options import argument, command, option, switch
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(has_print_option=True)
def run(
    context: Context,
    method: Annotated[str, argument("METHOD", "HTTP method: GET, POST, PUT, PATCH or DELETE.")],
    path: Annotated[str, argument("PATH", "Path relative to the base URL, such as /pages.")],
    raw_field: Annotated[
        list[str] | None,
        option(
            "KEY=VALUE",
            "Add a string to the body, or to the query of a GET or DELETE.",
            "-f",
            "--raw-field",
        ),
    ] = None,
    typed_field: Annotated[
        list[str] | None,
        option(
            "KEY=VALUE", "Add a JSON value, or the text of a file with KEY=@FILE.", "-F", "--field"
        ),
    ] = None,
    body_file: Annotated[
        str | None, option("FILE", "Read the body from a file (- is stdin).", "--input")
    ] = None,
    header: Annotated[
        list[str] | None, option("NAME:VALUE", "Add a header.", "-H", "--header")
    ] = None,
    paginate: Annotated[bool, switch("Fetch all pages of a list.")] = False,
) -> None:
    """Make an authenticated request to any endpoint.

    Example: outreply api GET /me

    Example: outreply api GET /posts/published -f limit=2 --paginate
    """
    from outreply_cli.api.raw_request import merge_pages, parse_request, request_pages

    request = parse_request(
        method,
        path,
        raw_fields=raw_field or [],
        typed_fields=typed_field or [],
        body_text=context.read_text(body_file) if body_file else None,
        headers=header or [],
        read_file=context.read_text,
    )
    if context.options.print_as:
        if paginate:
            raise InvalidInputError("--print cannot be combined with --paginate")
        print_requests(context, context.client(), [request])
        return
    responses = request_pages(context.client().transport, request, paginate=paginate)
    # An unknown --fields name exits 2 ("nothing was sent"), which would be wrong after a write.
    output = replace(context.output, checks_fields=request.method == "GET")
    output.print_data(merge_pages([response.body for response in responses]))
