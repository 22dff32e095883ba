"""`outreply errors`: what an error code means, and what to do about it."""

import difflib
from typing import Annotated, Any

import typer

from outreply_cli.cli.options import command
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.spec.errors import CATALOGUE
from outreply_cli.ui.output import Column

_LIVE_SECONDS = 3.0
_COLUMNS = (
    Column("Code", "code"),
    Column("Status", "status"),
    Column("Category", "category"),
    Column("Meaning", "message", shrinkable=True),
    Column("What to do", "fix", shrinkable=True),
)


@command()
def run(
    context: Context,
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="Such as RATE_LIMITED; all without it.")
    ] = None,
) -> None:
    """Explain an error code: from the live catalogue, from the built-in copy when offline.

    Example: outreply errors PAGE_PUBLISH_GUARDRAIL

    Example: outreply errors --fields code,fix -o csv
    """
    entries = _catalogue(context)
    if code is None:
        context.output.print_list(entries, _COLUMNS, id_field="code")
        return
    wanted = code.strip().upper()
    found = [entry for entry in entries if str(entry.get("code")).upper() == wanted]
    if not found:
        codes = [str(entry.get("code")) for entry in entries]
        near = difflib.get_close_matches(wanted, codes, n=1)
        raise InvalidInputError(
            f"there is no error code {code!r}",
            hint=f"Did you mean {near[0]}?" if near else "See them all: outreply errors",
        )
    if len(found) == 1:
        context.output.print_one(found[0], _COLUMNS, id_field="code")
    else:
        context.output.print_list(found, _COLUMNS, id_field="code")


def _catalogue(context: Context) -> list[dict[str, Any]]:
    built_in = [vars(entry) for entry in CATALOGUE]
    base_url = context.environ.get("OUTREPLY_BASE_URL") or None
    profile = context.profile
    try:
        # The live catalogue needs no token, so none is sent.
        client = context.client_for(
            None, base_url or (profile.base_url if profile else None), max_wait=_LIVE_SECONDS
        )
        live = client.error_catalogue()
    except OutReplyError:
        context.info("The live catalogue can't be reached; this is the built-in copy.")
        return built_in
    known = {entry.get("code") for entry in live}
    # Codes that the reference lacks but the changelog has stay explained.
    return [*live, *(entry for entry in built_in if entry["code"] not in known)]
