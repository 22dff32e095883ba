"""`outreply errors`."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from outreply_cli.accounts.resolve import resolve_base_url
from outreply_cli.cli.options import argument, command
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.spec.errors import CATALOG
from outreply_cli.ui.columns import Column

_LIVE_SECONDS = 3.0
_COLUMNS = (
    Column("Code", "code"),
    Column("Status", "status"),
    Column("Category", "category"),
    Column("Description", "message", shrinkable=True),
    Column("Fix", "fix", shrinkable=True),
)


@command()
def run(
    context: Context,
    code: Annotated[
        str | None, argument("CODE", "Error code, such as RATE_LIMITED (default: all).")
    ] = None,
) -> None:
    """Explain error codes.

    Uses the API's live catalog, or the built-in copy when offline.

    Example: outreply errors PAGE_PUBLISH_GUARDRAIL

    Example: outreply errors --fields code,fix -o csv
    """
    entries = _catalog(context)
    wanted = None if code is None else code.strip().upper()
    # A code may have several meanings, one for each status.
    matches = [entry for entry in entries if wanted in {None, str(entry.get("code")).upper()}]
    if wanted is not None and not matches:
        codes = [str(entry.get("code")) for entry in entries]
        close = difflib.get_close_matches(wanted, codes, n=1)
        raise InvalidInputError(
            f"unknown error code of the API: {wanted!r}",
            hint=f"Did you mean {close[0]}?" if close else "See all codes: outreply errors",
        )
    if context.options.output == "table" and wanted is not None and len(matches) == 1:
        context.output.print_one(matches[0], _COLUMNS, id_field="code")
    else:
        context.output.print_list(matches, _COLUMNS, id_field="code")


def _catalog(context: Context) -> list[Mapping[str, Any]]:
    built_in = {entry.code: vars(entry) for entry in CATALOG}
    base_url = resolve_base_url(context.profile, context.options.profile, context.environ)
    try:
        # Without a token: the live catalog is public.
        live = context.client_for(None, base_url, max_wait=_LIVE_SECONDS).error_catalog()
    except OutReplyError:
        context.info("The live catalog is unavailable; this is the built-in copy.")
        return [*built_in.values()]
    live_codes = {entry.get("code") for entry in live}
    return [
        # The reference does not say what the fields of the live catalog are called.
        *({**built_in.get(entry["code"], {}), **entry} for entry in live),
        # Codes documented in the reference or changelog but missing in the live catalog.
        *(entry for code, entry in built_in.items() if code not in live_codes),
    ]
