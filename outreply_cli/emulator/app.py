"""The emulator behind its server: the API, the admin API, the dashboard and faults."""

import hmac
import secrets
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from werkzeug.http import http_date
from werkzeug.wrappers import Request

from outreply_cli.emulator.admin import AdminApi
from outreply_cli.emulator.dashboard import PAGE_ROOT, Dashboard
from outreply_cli.emulator.dashboard_sections import LoggedRequest
from outreply_cli.emulator.delivery import DeliveryWorker
from outreply_cli.emulator.endpoints import EndpointRequest, Endpoints
from outreply_cli.emulator.faults import FAULT_HEADER, Faults, apply_fault
from outreply_cli.emulator.log import log_exception
from outreply_cli.emulator.openapi import PUBLIC_ROUTES
from outreply_cli.emulator.rate import RateWindows
from outreply_cli.emulator.request import ErrorResponse, parse_object
from outreply_cli.emulator.routes import API_ROOT
from outreply_cli.emulator.state import State
from outreply_cli.errors import OutReplyError
from outreply_cli.net.dns import Resolver
from outreply_cli.net.server.host_check import is_allowed_host
from outreply_cli.net.server.response import ConnectionDropped, Response, json_response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return http_date(second)


def _request_id() -> str:
    return f"req_{secrets.token_hex(8)}"


def bad_request(status: int) -> Response:
    """The response to a request that the HTTP server rejected."""
    code = "FILE_TOO_LARGE" if status == 413 else "BAD_REQUEST"
    error = ErrorResponse(status, code)
    return json_response(status, error.body, {"X-Request-Id": _request_id()})


class Emulator:
    """The emulated API over a seeded state.

    The admin API requires `admin_key`, known to this machine's user only. `host` is the address
    that the server listens on, and so a valid Host header.
    """

    def __init__(
        self,
        state: State,
        worker: DeliveryWorker,
        resolver: Resolver,
        *,
        admin_key: str,
        host: str = "127.0.0.1",
    ) -> None:
        self._state, self._admin_key, self._host = state, admin_key, host
        self._faults, rate = Faults(), RateWindows(state.clock.system)
        self._dashboard = Dashboard(state, self._faults)
        self._endpoints = Endpoints(state, rate, resolver)
        self._admin = AdminApi(state, worker, self._faults, rate)

    def __call__(self, environ: "WSGIEnvironment") -> Response:
        """The response to a request."""
        request = EndpointRequest(environ)
        started_at, at = self._state.clock.system.monotonic(), self._state.clock.now().timestamp()
        headers = {"X-Request-Id": _request_id(), "Date": _date(int(at))}
        try:
            response = self._dispatch(request, headers)
        except ErrorResponse as error:
            response = json_response(error.status, error.body, {**headers, **error.headers})
        except ConnectionDropped:
            raise
        except Exception as error:  # noqa: BLE001 - logged, and sent as a 500
            log_exception(error, f"{request.method} {request.path}")
            response = json_response(500, ErrorResponse(500, "SERVER_ERROR").body, headers)
        finally:
            # Deletes the temporary files of an upload.
            request.close()
        if request.path.startswith(API_ROOT):
            milliseconds = (self._state.clock.system.monotonic() - started_at) * 1000
            self._dashboard.log(
                LoggedRequest(at, request.method, request.path, response.status, milliseconds)
            )
        return response

    def _dispatch(self, request: Request, headers: dict[str, str]) -> Response:
        # DNS rebinding: a web page can make a browser send requests here under its own host name.
        if not is_allowed_host(request.headers.get("Host", self._host), self._host):
            raise ErrorResponse(403, "HOST_NOT_ALLOWED", "The emulator accepts local requests only")
        if request.path == "/" and request.method in {"GET", "HEAD"}:
            return self._dashboard.render(request)
        if request.path.startswith(PAGE_ROOT):
            return self._dispatch_page(request, headers)
        if request.path.startswith("/_emulator/"):
            return self._dispatch_admin(request, headers)
        path = request.path.removeprefix(API_ROOT) or "/"
        try:
            fault = self._faults.pick(request.method, path, request.headers.get(FAULT_HEADER))
            if fault is None:
                return self._dispatch_api(request, headers)
            handle = partial(self._dispatch_api, request, headers)
            return apply_fault(fault, self._state.clock, headers, handle)
        except ErrorResponse as error:
            if "X-API-Tier" not in headers:
                # The remaining requests would contradict an injected 429.
                self._endpoints.set_headers(request, headers, rate=error.status != 429)
            raise

    def _dispatch_api(self, request: Request, headers: dict[str, str]) -> Response:
        path = request.path.removeprefix(API_ROOT).rstrip("/")
        if request.method in {"GET", "HEAD"} and path in PUBLIC_ROUTES:
            self._endpoints.set_headers(request, headers, rate=True)
            base_url = request.host_url.rstrip("/") + API_ROOT
            _, handler = PUBLIC_ROUTES[path]
            return json_response(200, handler(base_url), headers)
        return self._endpoints.handle(request, headers)

    def _dispatch_page(self, request: Request, headers: dict[str, str]) -> Response:
        if request.path == f"{PAGE_ROOT}fragment" and request.method in {"GET", "HEAD"}:
            return self._dashboard.render_fragment(request)
        return self._run(*self._dashboard.parse_action(request), headers)

    def _dispatch_admin(self, request: Request, headers: dict[str, str]) -> Response:
        key = request.headers.get("X-Emulator-Key", "")
        if not hmac.compare_digest(key.encode(), self._admin_key.encode()):
            raise ErrorResponse(403, "ADMIN_KEY_REQUIRED", "The admin key is missing or invalid")
        operation = request.path.removeprefix("/_emulator/")
        return self._run(operation, parse_object(request.get_data() or b"{}"), headers)

    def _run(self, operation: str, params: Mapping[str, Any], headers: dict[str, str]) -> Response:
        try:
            return json_response(200, self._admin.handle(operation, params), headers)
        except OutReplyError as error:
            raise ErrorResponse(400, error.code, str(error), hint=error.hint) from None
