"""`outreply api`: any endpoint, signed in, retried, paged."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context


@command()
def run(
    context: Context,
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET, POST, PATCH or DELETE.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Such as /pages.")],
    raw_field: Annotated[
        list[str] | None,
        typer.Option("-f", "--raw-field", metavar="K=V", help="A text; with GET a parameter."),
    ] = None,
    typed_field: Annotated[
        list[str] | None,
        typer.Option("-F", "--field", metavar="K=V", help="JSON, or K=@FILE for a file's text."),
    ] = None,
    body_file: Annotated[
        str | None, typer.Option("--input", metavar="FILE", help="The whole body; - is stdin.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("-H", "--header", metavar="H:V", help="One more header.")
    ] = None,
    paginate: Annotated[
        bool, typer.Option("--paginate", help="Follow the cursor to the end of a list.")
    ] = False,
) -> None:
    """Call any endpoint and print its JSON.

    Example: outreply api GET /me

    Example: outreply api GET /posts/published -f limit=2 --paginate
    """
    from outreply_cli.api.raw_request import merge_pages, parse_request, request_pages

    call = parse_request(
        method,
        path,
        raw_fields=raw_field or [],
        typed_fields=typed_field or [],
        body_text=context.read_text(body_file) if body_file else None,
        headers=header or [],
        read_file=context.read_text,
    )
    pages = [
        answer.body for answer in request_pages(context.client().transport, call, paginate=paginate)
    ]
    context.output.write_json(merge_pages(pages))
