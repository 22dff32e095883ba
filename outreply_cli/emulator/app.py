"""The emulator as a WSGI application: its doors, its faults, its page, and the API behind them."""

import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from werkzeug.http import http_date
from werkzeug.wrappers import Request

from outreply_cli.emulator.admin import AdminApi
from outreply_cli.emulator.dashboard import RequestLog, render_dashboard
from outreply_cli.emulator.delivery import DeliveryWorker
from outreply_cli.emulator.endpoints import ApiRequest, Endpoints
from outreply_cli.emulator.faults import FAULT_HEADER, Faults
from outreply_cli.emulator.media_urls import SsrfGuard
from outreply_cli.emulator.openapi import OPEN_ROUTES
from outreply_cli.emulator.rate import RateWindows
from outreply_cli.emulator.request import ErrorResponse, NetworkAccess, parse_object
from outreply_cli.emulator.responses import apply_fault, internal_error, request_id
from outreply_cli.emulator.routes import API_ROOT
from outreply_cli.emulator.state import State
from outreply_cli.errors import OutReplyError
from outreply_cli.net.dns import Resolver
from outreply_cli.net.server.host_check import is_allowed_host
from outreply_cli.net.server.response import Response, json_response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return http_date(second)


class Emulator:
    """The API over one state.

    Args:
        state: What it serves; seeded already.
        deliverer: Sends the state's webhooks.
        lookups: Where names are looked up.
        control_key: What the control routes ask for, so that only this machine's owner drives it.
        host: Where it listens: whoever reaches it there may name it so.
    """

    def __init__(
        self,
        state: State,
        deliverer: DeliveryWorker,
        lookups: Resolver,
        *,
        control_key: str,
        host: str = "127.0.0.1",
    ) -> None:
        self._state = state
        self._faults = Faults()
        self._log = RequestLog()
        rate = RateWindows()
        outside = NetworkAccess(SsrfGuard(lookups), lookups, state.settings.sends_anywhere)
        self._endpoints = Endpoints(state, rate, outside)
        self._control = AdminApi(state, deliverer, self._faults, rate)
        self._control_key = control_key
        self._host = host

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        request = ApiRequest(environ)
        began = self._state.clock.monotonic()
        headers = {
            "X-Request-Id": request_id(),
            "Date": _date(int(self._state.clock.now().timestamp())),
        }
        try:
            response = self._answer(request, headers)
        except ErrorResponse as refusal:
            response = json_response(refusal.status, refusal.body, {**headers, **refusal.headers})
        except Exception as failure:  # noqa: BLE001 - the client is owed an answer, the log a word
            response = internal_error(failure, f"{request.method} {request.path}", headers)
        finally:
            # Uploaded files are temporary ones.
            request.close()
        if request.path.startswith(API_ROOT):
            milliseconds = (self._state.clock.monotonic() - began) * 1000
            self._log.add(request, response, milliseconds, self._state.clock.now())
        return response(environ, start_response)

    def _answer(self, request: Request, headers: dict[str, str]) -> Response:
        # A page of another origin can make a browser send requests here under its own host name.
        if not is_allowed_host(request.host, self._host):
            raise ErrorResponse(
                403, "HOST_NOT_ALLOWED", "This emulator answers local requests only"
            )
        if request.path == "/" and request.method in {"GET", "HEAD"}:
            return render_dashboard(self._state, self._log.recent())
        if request.path.startswith("/_emulator/"):
            return self._steer(request, headers)
        try:
            return self._answer_or_misbehave(request, headers)
        except ErrorResponse as refusal:
            if "X-API-Tier" not in headers:
                # A 429 that was asked for would contradict what is left of the minute.
                self._endpoints.set_headers(request, headers, rate=refusal.status != 429)
            raise

    def _answer_or_misbehave(self, request: Request, headers: dict[str, str]) -> Response:
        path = request.path.removeprefix(API_ROOT) or "/"
        try:
            fault = self._faults.pick(request.method, path, request.headers.get(FAULT_HEADER))
        except OutReplyError as wrong:
            raise ErrorResponse(400, "INVALID_FAULT", str(wrong)) from None
        if fault is None:
            return self._answer_api(request, headers)
        return apply_fault(
            fault, self._state.clock, headers, lambda: self._answer_api(request, headers)
        )

    def _answer_api(self, request: Request, headers: dict[str, str]) -> Response:
        path = request.path.removeprefix(API_ROOT).rstrip("/")
        if request.method in {"GET", "HEAD"} and path in OPEN_ROUTES:
            self._endpoints.set_headers(request, headers, rate=True)
            return json_response(200, OPEN_ROUTES[path].answer(), headers)
        return self._endpoints.handle(request, headers)

    def _steer(self, request: Request, headers: dict[str, str]) -> Response:
        given = request.headers.get("X-Emulator-Key", "")
        if not hmac.compare_digest(given.encode(), self._control_key.encode()):
            raise ErrorResponse(403, "CONTROL_KEY_REQUIRED", "The control key is missing or wrong")
        verb = request.path.removeprefix("/_emulator/")
        asked = parse_object(request.get_data() or b"{}")
        try:
            return json_response(200, self._control.handle(verb, asked), headers)
        except OutReplyError as wrong:
            raise ErrorResponse(400, wrong.code, str(wrong), hint=wrong.hint) from None
