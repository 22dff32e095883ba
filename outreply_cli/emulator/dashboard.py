"""The emulator's page at `/`: it shows the state, updates itself, and sends actions.

Its script polls `/_page/fragment` and posts actions to `/_page/OPERATION`.
"""

import hashlib
import hmac
import secrets
from collections import deque
from typing import Any

from werkzeug.wrappers import Request

from outreply_cli.emulator.dashboard_sections import MAX_ROWS, LoggedRequest, list_sections
from outreply_cli.emulator.faults import KINDS, Faults
from outreply_cli.emulator.request import ErrorResponse, parse_object
from outreply_cli.emulator.state import State
from outreply_cli.net.html import render_fragment, render_page
from outreply_cli.net.server.peer import is_other_user
from outreply_cli.net.server.response import Response

PAGE_ROOT = "/_page/"
# The operations of the admin API that the page may call. None of them reads a file, or
# returns a secret other than a new one.
_OPERATIONS = frozenset({
    "advance", "freeze", "fault", "comment", "enable", "rotate", "edit-token", "rotate-token",
    "revoke-token", "collaborator",
})  # fmt: skip
_CSRF_HEADER = "X-CSRF-Token"
_LOOPBACK = ("127.", "::1")


class Dashboard:
    """The page, with all text escaped and no external resources.

    Only this user's clients on this machine get the CSRF token that an action requires.
    """

    def __init__(self, state: State, faults: Faults) -> None:
        self._state, self._faults = state, faults
        # The latest requests, newest first.
        self._log: deque[LoggedRequest] = deque(maxlen=MAX_ROWS)
        self._csrf_token = secrets.token_urlsafe(24)

    def log(self, request: LoggedRequest) -> None:
        """Add a request to the log."""
        self._log.appendleft(request)

    def render(self, request: Request) -> Response:
        """The whole page."""
        version = self._get_version()
        return render_page("dashboard.html", version=version, **self._get_values(request))

    def render_fragment(self, request: Request) -> Response:
        """The sections for the page's script; 304 if they have not changed."""
        _require_own_site(request)
        version, now = self._get_version(), self._state.clock.now()
        if request.headers.get("If-None-Match") == version:
            response = Response(304, b"", {})
        else:
            response = render_fragment("dashboard_sections.html", **self._get_values(request))
        response.headers |= {"ETag": version, "X-Emulator-Time": f"{now:%Y-%m-%d %H:%M:%S}"}
        return response

    def parse_action(self, request: Request) -> tuple[str, dict[str, Any]]:
        """The operation and the parameters of an action.

        Raises:
            ErrorResponse: 403 for a request that did not come from the page; 404 for an operation
                that the page does not offer.
        """
        _require_own_site(request)
        csrf_token = request.headers.get(_CSRF_HEADER, "")
        if not hmac.compare_digest(csrf_token.encode(), self._csrf_token.encode()):
            raise ErrorResponse(403, "PAGE_EXPIRED", "The emulator was restarted. Reload the page.")
        operation = request.path.removeprefix(PAGE_ROOT)
        if request.method != "POST" or operation not in _OPERATIONS:
            raise ErrorResponse(404, "NOT_FOUND", f"Unknown action: {operation}")
        if not _is_local(request) or request.mimetype != "application/json":
            raise ErrorResponse(
                403, "PAGE_REQUIRED", "Actions are sent by the emulator's page only"
            )
        return operation, parse_object(request.get_data())

    def _get_version(self) -> str:
        """An ETag that changes with what the page shows, and every minute."""
        clock = self._state.clock
        shown = (
            self._csrf_token, self._state.connection.total_changes, self._faults.list(),
            list(self._log)[:1], int(clock.now().timestamp() // 60),
        )  # fmt: skip
        return f'"{hashlib.sha256(repr(shown).encode()).hexdigest()[:32]}"'

    def _get_values(self, request: Request) -> dict[str, Any]:
        with self._state.transaction():
            sections = list_sections(self._state, self._log.copy())
        return sections | {
            "csrf_token": self._csrf_token if _is_local(request) else "",
            "faults": self._faults.list(),
            "kinds": KINDS,
        }


def _is_local(request: Request) -> bool:
    if not (request.remote_addr or "").startswith(_LOOPBACK):
        return False
    return not is_other_user(request.environ)


def _require_own_site(request: Request) -> None:
    """Raise 403 for a request that a browser sent for another site."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin", f"http://{request.host}")
    if site != "same-origin" or origin != f"http://{request.host}":
        raise ErrorResponse(403, "ORIGIN_NOT_ALLOWED", "The request came from another site")
