"""`outreply mcp serve`."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

from outreply_cli.cli.options import command, option
from outreply_cli.cli.typer_adapter import root_group
from outreply_cli.commands.mcp.shared import open_plans
from outreply_cli.context import Context
from outreply_cli.env import CERTIFICATE_VARIABLES, STORE_URL_VARIABLE, TOKEN_VARIABLES
from outreply_cli.errors import InvalidInputError
from outreply_cli.ui.options import GlobalOptions

_PER_DAY = 10


@command(output=False)
def run(
    context: Context,
    profile: Annotated[str | None, option("NAME", "Use this profile.", "--profile", "-p")] = None,
    allow_writes: Annotated[
        str | None,
        option(
            "SCOPE,...",
            "Apply plans with these scopes without an approval: write:posts, write:comments.",
        ),
    ] = None,
    page: Annotated[
        list[str] | None, option("PAGE", "Limit --allow-writes to this page (repeatable).")
    ] = None,
    max_per_day: Annotated[
        int | None,
        option(
            "COUNT",
            "Limit --allow-writes to COUNT posts and replies in 24 hours (default: 10).",
            min=1,
        ),
    ] = None,
) -> None:
    """Run the server of the Model Context Protocol (MCP) on stdin and stdout.

    The agent can read the account. Each write that it requests becomes a plan, which is applied
    after a user approves it with `outreply mcp approve ID` in a terminal, or if --allow-writes
    permits it. Requires outreply-cli[mcp].

    This holds for an agent that has only these tools. An agent that can also run commands as your
    user could run outreply itself, and approve its own plans.

    Register it with the agent as the command `outreply` with the argument `mcp`, and save the
    output of `outreply examples agent-skill` as SKILL.md among its skills.

    Example: outreply mcp

    Example: outreply mcp --allow-writes write:comments --max-per-day 20
    """
    from outreply_cli.accounts.identity import fetch_identity
    from outreply_cli.cli.tree import tree_from_typer
    from outreply_cli.commands.mcp.gateway import AgentGateway, CommandProcess, WriteLimits
    from outreply_cli.commands.mcp.rehearsal import Rehearsal, make_seed
    from outreply_cli.commands.mcp.tool_specs import WRITES
    from outreply_cli.journal.account import fingerprint
    from outreply_cli.pages import resolve_page

    context.configure(GlobalOptions(profile=profile))
    scopes = [scope.strip() for scope in allow_writes.split(",")] if allow_writes else []
    for scope in scopes:
        if scope not in WRITES.values():
            known = ", ".join(sorted(set(WRITES.values())))
            raise InvalidInputError(
                f"--allow-writes: unknown scope {scope!r}", hint=f"Use one of: {known}"
            )
    for flag, value in (("--page", page), ("--max-per-day", max_per_day)):
        if value and not scopes:
            raise InvalidInputError(
                f"{flag} requires --allow-writes", hint="Add: --allow-writes write:posts"
            )
    from outreply_cli.commands.mcp.server import serve

    client = context.client()
    pages = client.pages().items if page else []
    allowed = [str(resolve_page(pages, name)["id"]) for name in page or []]
    identity = fetch_identity(client)
    account = fingerprint(client.transport.base_url, identity["user_id"])
    environ = _pin_account(context)
    rehearsal = Rehearsal(environ, context.config_dir, context.clock, lambda: make_seed(client))

    def secrets() -> list[str]:
        return context.known_secrets

    process = CommandProcess(environ, secrets, rehearsal)
    tree = tree_from_typer(root_group())
    with closing(open_plans(context)) as plans, closing(rehearsal):
        user = _describe_account(context, identity)
        limits = WriteLimits(scopes, allowed, max_per_day or _PER_DAY)
        gateway = AgentGateway(tree, plans, limits, account, user, context.clock, process, secrets)
        serve(gateway, on_interrupt=rehearsal.close)


def _pin_account(context: Context) -> dict[str, str]:
    """The environment in which commands act for the account of the server, and no other."""
    environ = dict(context.environ)
    # Commands run in another directory, which is deleted.
    directories = {
        "OUTREPLY_CONFIG_DIR": str(context.config_dir),
        "OUTREPLY_STATE_DIR": str(context.state_dir),
        **{name: environ[name] for name in CERTIFICATE_VARIABLES if environ.get(name)},
    }
    environ |= {name: str(Path(path).absolute()) for name, path in directories.items()}
    if context.options.profile is not None:
        # --profile overrides these variables, but OUTREPLY_PROFILE, which replaces it, does not.
        for name in (*TOKEN_VARIABLES, "OUTREPLY_BASE_URL", STORE_URL_VARIABLE):
            environ.pop(name, None)
    account = context.account
    if account.profile is not None and account.credential.source != "environment":
        # Set, so that `auth switch` does not change the account of the server.
        environ["OUTREPLY_PROFILE"] = account.profile.name
    return environ


def _describe_account(context: Context, identity: Mapping[str, Any]) -> str:
    """The account for the user who approves plans, such as `Jane <jane@acme.com> (work)`."""
    profile = context.account.profile
    name = f"{identity['name']} <{identity['email']}>".strip()
    return f"{name} ({profile.name})" if profile is not None else name
