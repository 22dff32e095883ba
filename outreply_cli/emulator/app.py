"""The emulator as a WSGI application: authentication, idempotency, limits, headers, routes."""

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.http import http_date
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from outreply_cli.contract.error_catalogue import CATALOGUE
from outreply_cli.contract.limits import (
    IDEMPOTENCY_KEY_LIFETIME,
    IDEMPOTENCY_KEY_MAX_CHARACTERS,
    TIERS,
)
from outreply_cli.emulator.account import count_usage
from outreply_cli.emulator.call import Call, Caller, Refusal
from outreply_cli.emulator.control import Control
from outreply_cli.emulator.delivery import Deliverer
from outreply_cli.emulator.posts import publish_due
from outreply_cli.emulator.rate import RateWindows
from outreply_cli.emulator.routes import ROUTES, Route
from outreply_cli.emulator.state import State
from outreply_cli.emulator.tokens import authenticate, count_rate, count_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

API_ROOT = "/api/v1"
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Emulator:
    """The API over one state.

    Args:
        state: What it serves; seeded already.
        deliverer: Sends the state's webhooks.
        control_key: What the control routes ask for, so that only this machine's owner drives it.
        hosts: Host names, beyond this machine's own, that requests may name.
    """

    def __init__(
        self, state: State, deliverer: Deliverer, *, control_key: str, hosts: Iterable[str] = ()
    ) -> None:
        self._state = state
        self._rate = RateWindows()
        self._control = Control(state, deliverer)
        self._control_key = control_key
        self._hosts = _LOCAL_HOSTS | set(hosts)
        self._map = Map(
            [
                Rule(API_ROOT + route.rule, methods=[route.method], endpoint=route)
                for route in ROUTES
            ],
            strict_slashes=False,
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        headers = {
            "X-Request-Id": f"req_{secrets.token_hex(8)}",
            "Date": http_date(self._state.clock.now()),
        }
        try:
            response = self._answer(request, headers)
        except Refusal as refusal:
            response = _json(refusal.status, refusal.body, {**headers, **refusal.headers})
        finally:
            # Uploaded files are temporary ones.
            request.close()
        return response(environ, start_response)

    def _answer(self, request: Request, headers: dict[str, str]) -> Response:
        # A page of another origin can make a browser send requests here under its own host name.
        if request.host.rsplit(":", 1)[0].lower() not in self._hosts:
            raise Refusal(403, "HOST_NOT_ALLOWED", "This emulator answers local requests only")
        if request.path.startswith("/_emulator/"):
            return self._steer(request, headers)
        if request.path in {API_ROOT, API_ROOT + "/"} and request.method == "GET":
            about = {"name": "OutReply API", "version": "v1", "status": "ok"}
            return _json(200, about, headers)
        if request.path == f"{API_ROOT}/errors" and request.method == "GET":
            return _json(200, _catalogue(), headers)
        return self._answer_call(request, headers)

    def _steer(self, request: Request, headers: dict[str, str]) -> Response:
        given = request.headers.get("X-Emulator-Key", "")
        if not hmac.compare_digest(given.encode(), self._control_key.encode()):
            raise Refusal(403, "CONTROL_KEY_REQUIRED", "The control key is missing or wrong")
        verb = request.path.removeprefix("/_emulator/")
        try:
            asked = json.loads(request.get_data() or b"{}")
        except ValueError:
            raise Refusal(400, "INVALID_JSON", "The control body is not JSON") from None
        return _json(200, self._control.do(verb, asked), headers)

    def _answer_call(self, request: Request, headers: dict[str, str]) -> Response:
        with self._state.change() as db:
            caller = authenticate(db, request, self._state.clock.now())
        headers["X-API-Tier"] = caller.user["tier"]
        headers["X-API-Scopes"] = " ".join(caller.scopes)
        clock = self._state.clock
        count_rate(self._rate, caller, headers, now=clock.now(), monotonic=clock.monotonic())
        with self._state.change() as db:
            count_request(db, caller, clock.now())
        with self._state.change() as db:
            publish_due(self._state, db, self._state.clock.now())
        with self._state.change() as db:
            status, body = self._perform(db, request, caller, headers)
        return _json(status, body, headers)

    def _perform(
        self, db: sqlite3.Connection, request: Request, caller: Caller, headers: dict[str, str]
    ) -> tuple[int, Any]:
        route, path = self._match(request)
        if route.scope is not None and not caller.may(route.scope):
            raise Refusal(
                403,
                "MISSING_SCOPE",
                f"This API token is missing the required scope: {route.scope}",
                required_scope=route.scope,
                your_scopes=list(caller.scopes),
            )
        multipart = request.mimetype == "multipart/form-data"
        call = Call(
            state=self._state,
            db=db,
            now=self._state.clock.now(),
            caller=caller,
            path=path,
            query=request.args.to_dict(),
            raw_body=b"" if multipart else request.get_data(),
            files=lambda: request.files,
        )
        count_usage(call, "requests")
        if request.method == "GET":
            count_usage(call, "reads", TIERS[caller.user["tier"]].reads)
            return route.status, route.answer(call)
        count_usage(call, "writes")
        return self._perform_once(call, route, request, headers)

    def _perform_once(
        self, call: Call, route: Route, request: Request, headers: dict[str, str]
    ) -> tuple[int, Any]:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.mimetype == "multipart/form-data":
            return route.status, route.answer(call)
        if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_CHARACTERS:
            raise Refusal(400, "INVALID_IDEMPOTENCY_KEY")
        owner = (call.caller.token["id"], key)
        forgotten = (call.now - IDEMPOTENCY_KEY_LIFETIME).timestamp()
        fingerprint = hashlib.sha256(
            f"{request.method} {request.path}\n".encode() + call.raw_body
        ).hexdigest()
        kept = call.db.execute(
            "SELECT * FROM idempotency WHERE token_id = ? AND key = ? AND created_at > ?",
            (*owner, forgotten),
        ).fetchone()
        if kept is not None:
            if kept["fingerprint"] != fingerprint:
                raise Refusal(409, "IDEMPOTENCY_KEY_MISMATCH")
            headers["Idempotency-Replayed"] = "true"
            return kept["status"], json.loads(kept["body"])
        body = route.answer(call)
        call.db.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
            (*owner, fingerprint, route.status, json.dumps(body), call.now.timestamp()),
        )
        return route.status, body

    def _match(self, request: Request) -> tuple[Route, Mapping[str, str]]:
        try:
            route, path = self._map.bind("localhost").match(request.path, request.method)
        except MethodNotAllowed as refusal:
            allowed = ", ".join(sorted(set(refusal.valid_methods or []) - {"HEAD"}))
            raise Refusal(
                405, "METHOD_NOT_ALLOWED", "Method not allowed", headers={"Allow": allowed}
            ) from None
        except HTTPException:
            raise Refusal(404, "NOT_FOUND", "No such endpoint") from None
        return route, path


def _catalogue() -> dict[str, Any]:
    return {
        "errors": [
            {
                "code": entry.code,
                "status": entry.status,
                "category": entry.category,
                "message": entry.message,
                "fix": entry.fix,
            }
            for entry in CATALOGUE
        ]
    }


def _json(status: int, body: Any, headers: dict[str, str]) -> Response:
    return Response(
        json.dumps(body, ensure_ascii=False),
        status=status,
        headers=headers,
        content_type="application/json; charset=utf-8",
    )
