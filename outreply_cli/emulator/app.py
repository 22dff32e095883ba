"""The emulator as a WSGI application: authentication, idempotency, limits, headers, routes."""

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.formparser import FormDataParser
from werkzeug.http import http_date
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request

from outreply_cli.contract.limits import (
    IDEMPOTENCY_KEY_LIFETIME,
    IDEMPOTENCY_KEY_MAX_CHARACTERS,
)
from outreply_cli.emulator.account import count_usage
from outreply_cli.emulator.address_guard import AddressGuard
from outreply_cli.emulator.answers import misbehave, own_fault, request_id
from outreply_cli.emulator.call import Call, Caller, Refusal, read_object
from outreply_cli.emulator.control import Control
from outreply_cli.emulator.delivery import Deliverer
from outreply_cli.emulator.due import settle_due
from outreply_cli.emulator.faults import FAULT_HEADER, Faults
from outreply_cli.emulator.openapi import OPEN_ROUTES
from outreply_cli.emulator.rate import RateWindows
from outreply_cli.emulator.routes import API_ROOT, ROUTES, Route
from outreply_cli.emulator.screen import RequestLog, show_screen
from outreply_cli.emulator.state import State
from outreply_cli.emulator.tokens import authenticate, count_rate, count_request, tier_of
from outreply_cli.errors import InvalidInputError
from outreply_cli.serving.answer import Answer, as_json
from outreply_cli.serving.hosts import is_own_host

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class _Sent(Request):
    """A request whose multipart body is refused where it can't be read, not taken for empty."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        super().__init__(environ)
        self._opened: list[IO[bytes]] = []

    def make_form_data_parser(self) -> FormDataParser:
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _get_file_stream(self, *args: Any, **named: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*args, **named)
        self._opened.append(stream)
        return stream

    def close(self) -> None:
        super().close()
        # A body that broke off within a file never became one of the request's files.
        for stream in self._opened:
            stream.close()


class Emulator:
    """The API over one state.

    Args:
        state: What it serves; seeded already.
        deliverer: Sends the state's webhooks.
        control_key: What the control routes ask for, so that only this machine's owner drives it.
        host: Where it listens: whoever reaches it there may name it so.
    """

    def __init__(
        self, state: State, deliverer: Deliverer, *, control_key: str, host: str = "127.0.0.1"
    ) -> None:
        self._state = state
        self._rate = RateWindows()
        self._faults = Faults()
        self._log = RequestLog()
        self._guard = AddressGuard()
        self._control = Control(state, deliverer, self._faults)
        self._control_key = control_key
        self._host = host
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
        request = _Sent(environ)
        began = self._state.clock.monotonic()
        headers = {
            "X-Request-Id": request_id(),
            "Date": http_date(self._state.clock.now()),
        }
        try:
            response = self._answer(request, headers)
        except Refusal as refusal:
            response = as_json(refusal.status, refusal.body, {**headers, **refusal.headers})
        except Exception as failure:  # noqa: BLE001 - the client is owed an answer, the log a word
            response = own_fault(failure, f"{request.method} {request.path}", headers)
        finally:
            # Uploaded files are temporary ones.
            request.close()
        if request.path.startswith(API_ROOT):
            milliseconds = (self._state.clock.monotonic() - began) * 1000
            self._log.add(request, response, milliseconds, self._state.clock.now())
        return response(environ, start_response)

    def close(self) -> None:
        """Let go of what it uses beside its state."""
        self._guard.close()

    def _answer(self, request: Request, headers: dict[str, str]) -> Answer:
        # A page of another origin can make a browser send requests here under its own host name.
        if not is_own_host(request.host, self._host):
            raise Refusal(403, "HOST_NOT_ALLOWED", "This emulator answers local requests only")
        if request.path == "/" and request.method in {"GET", "HEAD"}:
            return show_screen(self._state, self._log.recent())
        if request.path.startswith("/_emulator/"):
            return self._steer(request, headers)
        path = request.path.removeprefix(API_ROOT) or "/"
        try:
            fault = self._faults.pick(request.method, path, request.headers.get(FAULT_HEADER))
        except InvalidInputError as wrong:
            raise Refusal(400, "INVALID_FAULT", str(wrong)) from None
        if fault is None:
            return self._answer_api(request, headers)
        return misbehave(
            fault, self._state.clock, headers, lambda: self._answer_api(request, headers)
        )

    def _answer_api(self, request: Request, headers: dict[str, str]) -> Answer:
        path = request.path.removeprefix(API_ROOT).rstrip("/")
        if request.method in {"GET", "HEAD"} and path in OPEN_ROUTES:
            return as_json(200, OPEN_ROUTES[path].answer(), headers)
        return self._answer_call(request, headers)

    def _steer(self, request: Request, headers: dict[str, str]) -> Answer:
        given = request.headers.get("X-Emulator-Key", "")
        if not hmac.compare_digest(given.encode(), self._control_key.encode()):
            raise Refusal(403, "CONTROL_KEY_REQUIRED", "The control key is missing or wrong")
        verb = request.path.removeprefix("/_emulator/")
        asked = read_object(request.get_data() or b"{}")
        try:
            return as_json(200, self._control.do(verb, asked), headers)
        except InvalidInputError as wrong:
            raise Refusal(400, wrong.code, str(wrong), hint=wrong.hint) from None

    def _answer_call(self, request: Request, headers: dict[str, str]) -> Answer:
        # Read before the state is held: others go on meanwhile.
        files = _files_of(request) if _is_multipart(request) else dict
        clock = self._state.clock
        refused = None
        with self._state.change() as db:
            caller = authenticate(db, request, clock.now())
            headers["X-API-Tier"] = caller.user["tier"]
            headers["X-API-Scopes"] = " ".join(caller.scopes)
            count_rate(self._rate, caller, headers, now=clock.now(), monotonic=clock.monotonic())
            count_request(db, caller, clock.now())
            settle_due(self._state, db, clock.now())
            db.execute("SAVEPOINT call")
            try:
                status, body = self._perform(db, request, files, caller, headers)
            except Refusal as refusal:
                # The request counts all the same, and what fell due stays done.
                db.execute("ROLLBACK TO call")
                refused = refusal
            db.execute("RELEASE call")
        if refused is not None:
            raise refused
        return as_json(status, body, headers)

    def _perform(
        self,
        db: sqlite3.Connection,
        request: Request,
        files: Callable[[], Mapping[str, FileStorage]],
        caller: Caller,
        headers: dict[str, str],
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
        multipart = _is_multipart(request)
        call = Call(
            state=self._state,
            db=db,
            now=self._state.clock.now(),
            caller=caller,
            path=path,
            query=request.args.to_dict(),
            raw_body=b"" if multipart else request.get_data(),
            guard=self._guard,
            is_multipart=multipart,
            files=files,
        )
        count_usage(call, "requests")
        if request.method in {"GET", "HEAD"}:
            count_usage(call, "reads", tier_of(caller.user).reads)
            return route.status, route.answer(call)
        count_usage(call, "writes")
        return self._perform_once(call, route, request, headers)

    def _perform_once(
        self, call: Call, route: Route, request: Request, headers: dict[str, str]
    ) -> tuple[int, Any]:
        key = request.headers.get("Idempotency-Key")
        if key is None or call.is_multipart:
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
        call.db.execute("DELETE FROM idempotency WHERE created_at <= ?", (forgotten,))
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


def _is_multipart(request: Request) -> bool:
    return request.mimetype == "multipart/form-data"


def _files_of(request: Request) -> Callable[[], Mapping[str, FileStorage]]:
    try:
        files = request.files
    except (HTTPException, ValueError):
        return _refuse_files
    return lambda: files


def _refuse_files() -> Mapping[str, FileStorage]:
    raise Refusal(400, "UPLOAD_ERROR", "The multipart body can't be read")
