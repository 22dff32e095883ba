"""`outreply auth list`."""

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.ui.columns import Column

_COLUMNS = (
    Column("Profile", "name", style=lambda profile: "bold" if profile["current"] else ""),
    Column("Current", "current", lambda profile: "yes" if profile["current"] else ""),
    Column(
        "API", "base_url", lambda profile: str(profile["base_url"] or "default"), shrinkable=True
    ),
    Column("Time zone", "timezone", lambda profile: str(profile["timezone"] or "local")),
    Column("Token storage", "storage", lambda profile: str(profile["storage"] or "none")),
)


@command(api=False)
def run(context: Context) -> None:
    """List the accounts stored on this machine.

    Example: outreply auth list

    Example: outreply auth list --fields name,timezone -o csv
    """
    profiles = context.profiles
    items = [
        {
            "name": profile.name,
            "current": profile.name == profiles.current,
            "base_url": profile.base_url,
            "timezone": profile.timezone,
            "storage": profile.storage,
        }
        for profile in profiles.stored.values()
    ]
    context.output.print_list(items, _COLUMNS, id_field="name")
    if not items:
        context.info("No accounts stored. Run: outreply auth login")
