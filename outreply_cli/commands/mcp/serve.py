"""`outreply mcp serve`."""

from contextlib import closing
from typing import Annotated

import typer

from outreply_cli.cli.typer_adapter import CommandSpec
from outreply_cli.commands.mcp.shared import open_plans, start
from outreply_cli.errors import InvalidInputError


def _serve(
    ctx: typer.Context,
    profile: Annotated[
        str | None, typer.Option("--profile", "-p", metavar="NAME", help="Use this profile.")
    ] = None,
    allow_writes: Annotated[
        str | None,
        typer.Option(metavar="SCOPE,...", help="Carry out plans with these scopes without an "
                     "approval: write:posts, write:comments."),
    ] = None,
    page: Annotated[
        list[str] | None,
        typer.Option(metavar="PAGE", help="Allow that only for this page (repeatable)."),
    ] = None,
    max_per_day: Annotated[
        int, typer.Option(metavar="COUNT", min=1, help="Allow that for at most COUNT plans in 24 "
                          "hours.")
    ] = 10,
) -> None:  # fmt: skip
    """Serve an agent on stdin and stdout, with the Model Context Protocol.

    The agent reads the account at once. What it wants to send is a plan: it is carried out after
    a person has approved it with `outreply mcp approve ID` at a terminal, or within the limits of
    --allow-writes. Requires the extra `mcp`.

    Example: outreply mcp

    Example: outreply mcp --allow-writes write:comments --max-per-day 20
    """
    from outreply_cli.commands.mcp.gateway import (
        AgentGateway,
        CommandProcess,
        WriteLimits,
        load_tree,
    )
    from outreply_cli.commands.mcp.rehearsal import Rehearsal, make_seed
    from outreply_cli.commands.mcp.tool_specs import WRITES
    from outreply_cli.journal.account import account_fingerprint
    from outreply_cli.pages import resolve_page

    context = start(ctx, profile)
    scopes = [scope.strip() for scope in allow_writes.split(",")] if allow_writes else []
    for scope in scopes:
        if scope not in WRITES.values():
            known = ", ".join(sorted(set(WRITES.values())))
            raise InvalidInputError(
                f"--allow-writes: unknown scope {scope!r}", hint=f"Use one of: {known}"
            )
    if page and not scopes:
        raise InvalidInputError("--page requires --allow-writes", hint="Add --allow-writes.")
    from outreply_cli.commands.mcp.server import serve

    client = context.client()
    pages = client.pages().items if page else []
    allowed = [str(resolve_page(pages, name)["id"]) for name in page or []]
    account = account_fingerprint(client)
    rehearsal = Rehearsal(
        context.environ, context.config_dir, context.clock, lambda: make_seed(client)
    )
    process = CommandProcess(
        context.environ, context.options.profile, lambda: context.known_secrets, rehearsal
    )
    tree = load_tree(process)
    with closing(open_plans(context)) as plans, closing(rehearsal):
        limits = WriteLimits(scopes, allowed, max_per_day)
        serve(AgentGateway(tree, plans, limits, account, context.clock, process))


run = CommandSpec(_serve, {})
