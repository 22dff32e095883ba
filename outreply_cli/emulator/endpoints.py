"""One call of the API: who calls, what it counts as, what is done, once for each key."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any

from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.formparser import FormDataParser
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request

from outreply_cli.emulator.account import count_usage
from outreply_cli.emulator.auth import (
    authenticate,
    count_request,
    enforce_rate,
    get_tier,
    identify_caller,
    require_scope,
    set_rate_headers,
    set_tier_header,
)
from outreply_cli.emulator.openapi import OPEN_ROUTES
from outreply_cli.emulator.rate import RateWindows
from outreply_cli.emulator.request import ErrorResponse, NetworkAccess, RequestBody, RequestContext
from outreply_cli.emulator.routes import API_ROOT, ROUTES, Route
from outreply_cli.emulator.scheduler import process_due
from outreply_cli.emulator.state import State
from outreply_cli.net.server.response import Response, json_response
from outreply_cli.spec.limits import (
    IDEMPOTENCY_KEY_LIFETIME,
    IDEMPOTENCY_KEY_MAX_CHARACTERS,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_READS = frozenset({"GET", "HEAD"})


class ApiRequest(Request):
    """A request whose multipart body is refused where it can't be read, not taken for empty."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        super().__init__(environ)
        self._opened: list[IO[bytes]] = []

    def make_form_data_parser(self) -> FormDataParser:
        """A parser that tells of what it can't read."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _get_file_stream(self, *args: Any, **named: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*args, **named)
        self._opened.append(stream)
        return stream

    def close(self) -> None:
        """Let go of uploaded files."""
        super().close()
        # A body that broke off within a file never became one of the request's files.
        for stream in self._opened:
            stream.close()


class Endpoints:
    """What is served below `/api/v1` to those who have a token.

    Args:
        state: What it serves.
        rate: Where each token stands in its minute.
        outside: What may be asked of the network.
    """

    def __init__(self, state: State, rate: RateWindows, outside: NetworkAccess) -> None:
        self._state, self._rate, self._outside = state, rate, outside
        # Most calls name no part of their path: one look tells their route.
        self._fixed: dict[tuple[str, str], tuple[Route, Mapping[str, str]]] = {
            (route.method, API_ROOT + route.rule): (route, {})
            for route in ROUTES
            if "<" not in route.rule
        }
        self._map = Map(
            [
                Rule(API_ROOT + route.rule, methods=[route.method], endpoint=route)
                for route in ROUTES
            ],
            strict_slashes=False,
        ).bind("localhost")

    def handle(self, request: Request, headers: dict[str, str]) -> Response:
        """What a call is answered; fills `headers`, and raises Refusal."""
        # The body is read and the network asked before the state is held: others go on meanwhile.
        sent, found = _sent(request), self._match(request)
        refused_urls = self._look_up(found, sent)
        clock = self._state.clock
        with self._state.transaction() as db:
            now = clock.now()
            caller = authenticate(db, request, now)
            set_tier_header(caller, headers)
            enforce_rate(self._rate, caller, headers, now=now, monotonic=clock.monotonic())
            count_request(db, caller, now)
            process_due(self._state, db, now)
            path = {} if isinstance(found, ErrorResponse) else found[1]
            call = RequestContext(
                self._state, db, now, caller, path, request.args.to_dict(), sent, refused_urls
            )
            try:
                status, body = self._perform(call, found, request, headers)
            except ErrorResponse as refusal:
                # It counts all the same, and what fell due stays done: so the block ends well.
                refused = refusal
            else:
                return json_response(status, body, headers)
        raise refused

    def set_headers(self, request: Request, headers: dict[str, str], *, rate: bool) -> None:
        """Put into `headers` what can be known of a caller whose request is not carried out.

        `rate` says whether where it stands in its minute belongs to that.
        """
        clock = self._state.clock
        with self._state.transaction() as db:
            caller = identify_caller(db, request)
            if caller is None:
                return
            set_tier_header(caller, headers)
            if rate:
                now, monotonic = clock.now(), clock.monotonic()
                set_rate_headers(self._rate, caller, headers, now=now, monotonic=monotonic)

    def _look_up(
        self, found: "tuple[Route, Mapping[str, str]] | ErrorResponse", sent: RequestBody
    ) -> Mapping[str, str]:
        if isinstance(found, ErrorResponse) or found[0].look_up is None:
            return {}
        try:
            return found[0].look_up(sent.body, self._outside)
        except ErrorResponse:
            # Who calls is to be known before the body is found to be none.
            return {}

    def _perform(
        self,
        call: RequestContext,
        found: "tuple[Route, Mapping[str, str]] | ErrorResponse",
        request: Request,
        headers: dict[str, str],
    ) -> tuple[int, Any]:
        """Carry a call out.

        Every call is one of the month's requests; one that its scopes allow is a read or a write
        too, however it is answered. What it did besides is undone when it is refused.
        """
        reads = request.method in _READS
        if not isinstance(found, ErrorResponse):
            try:
                require_scope(call.caller, found[0].scope, reads=reads)
            except ErrorResponse:
                count_usage(call, "requests")
                raise
        if reads:
            count_usage(call, "requests", "reads", limit=get_tier(call.caller.user).reads)
        else:
            count_usage(call, "requests", "writes")
        if isinstance(found, ErrorResponse):
            raise found
        if reads:
            return found[0].status, found[0].answer(call)
        call.db.execute("SAVEPOINT call")
        try:
            return self._perform_once(call, found[0], request, headers)
        except ErrorResponse:
            call.db.execute("ROLLBACK TO call")
            raise
        finally:
            call.db.execute("RELEASE call")

    def _perform_once(
        self, call: RequestContext, route: Route, request: Request, headers: dict[str, str]
    ) -> tuple[int, Any]:
        key = request.headers.get("Idempotency-Key")
        if key is None or call.sent.is_multipart:
            return route.status, route.answer(call)
        if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_CHARACTERS:
            raise ErrorResponse(400, "INVALID_IDEMPOTENCY_KEY")
        owner = (call.caller.token["id"], key)
        forgotten = (call.now - IDEMPOTENCY_KEY_LIFETIME).timestamp()
        fingerprint = hashlib.sha256(
            f"{request.method} {request.path}\n".encode() + call.sent.raw
        ).hexdigest()
        kept = call.db.execute(
            "SELECT * FROM idempotency WHERE token_id = ? AND key = ? AND created_at > ?",
            (*owner, forgotten),
        ).fetchone()
        if kept is not None:
            if kept["fingerprint"] != fingerprint:
                raise ErrorResponse(409, "IDEMPOTENCY_KEY_MISMATCH")
            headers["Idempotency-Replayed"] = "true"
            return kept["status"], json.loads(kept["body"])
        body = route.answer(call)
        call.db.execute("DELETE FROM idempotency WHERE created_at <= ?", (forgotten,))
        call.db.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
            (*owner, fingerprint, route.status, json.dumps(body), call.now.timestamp()),
        )
        return route.status, body

    def _match(self, request: Request) -> "tuple[Route, Mapping[str, str]] | ErrorResponse":
        fixed = self._fixed.get((request.method, request.path))
        if fixed is not None:
            return fixed
        try:
            route, path = self._map.match(request.path, request.method)
        except MethodNotAllowed as refusal:
            return _method_not_allowed(set(refusal.valid_methods or []) - {"HEAD"})
        except HTTPException:
            if request.path.removeprefix(API_ROOT).rstrip("/") in OPEN_ROUTES:
                return _method_not_allowed({"GET"})
            return ErrorResponse(404, "NOT_FOUND", "No such endpoint")
        return route, path


def _method_not_allowed(allowed: set[str]) -> ErrorResponse:
    return ErrorResponse(
        405,
        "METHOD_NOT_ALLOWED",
        "Method not allowed",
        headers={"Allow": ", ".join(sorted(allowed))},
    )


def _sent(request: Request) -> RequestBody:
    if request.method in _READS:
        return RequestBody(b"", is_multipart=False)
    if request.mimetype != "multipart/form-data":
        return RequestBody(request.get_data(), is_multipart=False)
    return RequestBody(b"", is_multipart=True, files=_files_of(request))


def _files_of(request: Request) -> Callable[[], Mapping[str, FileStorage]]:
    try:
        files = request.files
    except (HTTPException, ValueError):
        return _refuse_files
    return lambda: files


def _refuse_files() -> Mapping[str, FileStorage]:
    raise ErrorResponse(400, "UPLOAD_ERROR", "The multipart body can't be read")
