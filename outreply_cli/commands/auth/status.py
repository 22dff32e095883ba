"""`outreply auth status`."""

from collections.abc import Mapping
from typing import Any

from outreply_cli.cli.options import command
from outreply_cli.commands.auth.shared import note_sandbox
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column


@command()
def run(context: Context) -> None:
    """Show the account in use, and whether its token works.

    Exits with 4 if the token does not work.

    Example: outreply auth status

    Example: outreply auth status --json
    """
    from outreply_cli.accounts.identity import fetch_identity
    from outreply_cli.times import format_api_time

    account = context.account
    identity = fetch_identity(context.client())
    credential = account.credential
    zone = context.zone()
    expires = identity["expires_at"]
    item: dict[str, Any] = {
        **identity,
        "profile": account.profile.name if account.profile else None,
        "base_url": context.client().transport.base_url,
        "token_source": credential.source,
        "token_location": credential.location,
    }
    context.output.print_one(
        item,
        [
            Column("Account", "email", _format_user),
            Column("Profile", "profile", lambda item: str(item["profile"] or "none")),
            Column("API", "base_url"),
            Column("Token name", "key_name"),
            Column("Token", "prefix", lambda item: f"{item['prefix'] or ''}…"),
            Column("Source", "token_location",
                   lambda item: f"{item['token_source']}: {item['token_location']}"),
            Column("Scopes", "scopes", lambda item: ", ".join(map(str, item["scopes"]))),
            Column("Expires", "expires_at",
                   lambda _: format_api_time(expires, zone) if expires else "never"),
            Column("Tier", "tier",
                   lambda item: str(item["tier"] or "unknown (requires read:account)")),
        ],
        id_field=None,
    )  # fmt: skip
    note_sandbox(context, credential.token)


def _format_user(item: Mapping[str, Any]) -> str:
    email = f"<{item['email']}>" if item["email"] else ""
    return f"{item['name']} {email}".strip() or str(item["user_id"] or "unknown")
