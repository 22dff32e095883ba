"""The report of `webhooks check` as an HTML file that can be shared."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli import __version__
from outreply_cli.net.html import render_document
from outreply_cli.times import format_time
from outreply_cli.ui.redact import redact

# Values in a query may be secrets, such as `?token=…`.
_QUERY_VALUE = re.compile(r"(?<==)[^&#]+")
# The names of the checks, the reason if there is no response, and the response's JSON object.
FailedResponse = tuple[Sequence[str], str | None, Mapping[str, Any] | None]


def render_report(
    checks: Sequence[Mapping[str, Any]],
    responses: Sequence[FailedResponse],
    *,
    url: str,
    checked_at: datetime,
    zone: ZoneInfo,
    secrets: Sequence[str],
) -> str:
    """The report as a self-contained document.

    Args:
        checks: The JSON objects of `webhooks check`.
        responses: The responses of the handler to failed checks.
        url: The handler's URL; the values in its query are hidden.
        checked_at: The start of the checks.
        zone: The time zone of local times.
        secrets: Secrets to hide in the URL.
    """
    address, mark, query = url.partition("?")
    return render_document(
        "webhook_check.html",
        checks=checks,
        failed=sum(check["status"] != "ok" for check in checks),
        responses=[
            {"checks": names, "error": error, "response": response}
            for names, error, response in responses
        ],
        url=redact(address, secrets) + mark + _QUERY_VALUE.sub("(hidden)", query),
        checked_at=format_time(checked_at.replace(microsecond=0), zone),
        version=__version__,
    )
