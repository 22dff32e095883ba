"""Dispatch of an API request: routing, authentication, limits, usage and idempotency."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from werkzeug.exceptions import HTTPException
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Request

from outreply_cli.emulator.account import count_in_month
from outreply_cli.emulator.audit import log_request
from outreply_cli.emulator.auth import (
    authenticate,
    count_request,
    identify_caller,
    require_scope,
    set_caller_headers,
    set_rate_headers,
)
from outreply_cli.emulator.openapi import PUBLIC_ROUTES
from outreply_cli.emulator.rate import RateWindows
from outreply_cli.emulator.request import ErrorResponse, RequestBody, RequestContext
from outreply_cli.emulator.routes import API_ROOT, ROUTES, Route
from outreply_cli.emulator.scheduler import process_due
from outreply_cli.emulator.state import State
from outreply_cli.net.dns import Resolver
from outreply_cli.net.server.response import Response, json_response
from outreply_cli.spec.limits import IDEMPOTENCY_KEY_LIFETIME, MAX_IDEMPOTENCY_KEY_CHARACTERS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_READ_METHODS = frozenset({"GET", "HEAD"})
# Publishes and replies have separate buckets (reference: Tiers & limits).
_METERED_PATHS = frozenset({"/posts/schedule", "/posts/publish", "/comments/reply"})
# A route and the values of its path parameters.
Match = tuple[Route, Mapping[str, str]]
# The pattern of each path, and its routes by method.
_CompiledRoutes = Sequence[tuple[re.Pattern[str], Mapping[str, Route]]]


class EndpointRequest(Request):
    """A request that raises for an invalid multipart body instead of treating it as empty."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        super().__init__(environ)
        self._opened: list[IO[bytes]] = []

    def make_form_data_parser(self) -> FormDataParser:
        """A parser that raises for an invalid body."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*args, **kwargs)
        self._opened.append(stream)
        return stream

    def close(self) -> None:
        """Close the uploaded files."""
        super().close()
        # `files` lacks a file whose upload was cut off.
        for stream in self._opened:
            stream.close()


def _compile_routes() -> _CompiledRoutes:
    """The routes of each path by method, with its pattern; those without parameters first.

    So `/media/upload` is not taken for `/media/<media_id>`.
    """
    by_path: dict[str, dict[str, Route]] = {}
    for route in sorted(ROUTES, key=lambda route: "<" in route.path):
        by_path.setdefault(route.path, {})[route.method] = route
    return [
        (re.compile(API_ROOT + re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", path) + "/?"), methods)
        for path, methods in by_path.items()
    ]


class Endpoints:
    """The endpoints under `/api/v1` that require a token."""

    def __init__(self, state: State, rate: RateWindows, resolver: Resolver) -> None:
        self._state, self._rate, self._resolver = state, rate, resolver
        self._find_path = lru_cache(maxsize=1_000)(partial(_find_path, _compile_routes()))

    def handle(self, request: Request, headers: dict[str, str]) -> Response:
        """Handle a request and fill `headers`; raises ErrorResponse."""
        started_at = self._state.clock.system.monotonic()
        # Done before the state is locked, so that slow clients and lookups block no other request.
        body, match = _read_body(request), self._match(request)
        invalid_urls = self._check_urls(match, body)
        with self._state.request():
            now, refusal = self._state.clock.now(), None
            known = identify_caller(self._state, request)
            try:
                caller = authenticate(known, request, now)
                set_caller_headers(caller, headers)
                set_rate_headers(self._rate, caller, headers, now, spend=True)
                count_request(self._state, caller, now)
                process_due(self._state, now)
                path = {} if isinstance(match, ErrorResponse) else match[1]
                query = _parse_query(request.query_string)
                context = RequestContext(self._state, now, caller, path, query, body, invalid_urls)
                status, result = self._authorize_and_run(context, match, request, headers)
            except ErrorResponse as error:
                # Raised after the block, so that usage and due posts are committed.
                refusal, status, result = error, error.status, error.body
            if known is not None:
                log_request(
                    self._state, known, request, status,
                    started_at=started_at, error=None if refusal is None else refusal.body,
                )  # fmt: skip
        if refusal is not None:
            raise refusal
        return json_response(status, result, headers)

    def set_headers(self, request: Request, headers: dict[str, str], *, rate: bool) -> None:
        """Set the headers about the caller of a request that is not dispatched.

        `rate` says whether to include the rate limit headers.
        """
        with self._state.request():
            caller = identify_caller(self._state, request)
            if caller is None:
                return
            set_caller_headers(caller, headers)
            if rate:
                set_rate_headers(self._rate, caller, headers, self._state.clock.now())

    def _check_urls(self, match: Match | ErrorResponse, body: RequestBody) -> Mapping[str, str]:
        if isinstance(match, ErrorResponse) or match[0].check_urls is None:
            return {}
        try:
            return match[0].check_urls(body.json, self._resolver, self._state.config)
        except ErrorResponse:
            # Authentication comes first; the endpoint reports an invalid body.
            return {}

    def _authorize_and_run(
        self,
        context: RequestContext,
        match: Match | ErrorResponse,
        request: Request,
        headers: dict[str, str],
    ) -> tuple[int, Any]:
        """Check the scope, count the usage and run the endpoint.

        With the scope, every request counts as a read or a write, regardless of the response,
        except those of publishes and replies, which have separate buckets. Other changes are rolled
        back on an error.
        """
        reads = request.method in _READ_METHODS
        if not isinstance(match, ErrorResponse):
            require_scope(context.caller, match[0].scope, reads=reads)
        path = None if isinstance(match, ErrorResponse) else match[0].path
        if path not in _METERED_PATHS:
            count_in_month(context, "reads" if reads else "writes")
        if isinstance(match, ErrorResponse):
            raise match
        route = match[0]
        if reads:
            return route.status, route.handler(context)
        context.db.execute("SAVEPOINT request")
        try:
            return self._run_idempotent(context, route, request, headers)
        except ErrorResponse:
            context.db.execute("ROLLBACK TO request")
            raise
        finally:
            context.db.execute("RELEASE request")

    def _run_idempotent(
        self, context: RequestContext, route: Route, request: Request, headers: dict[str, str]
    ) -> tuple[int, Any]:
        key = request.headers.get("Idempotency-Key")
        if key is None or context.request_body.is_multipart:
            return route.status, route.handler(context)
        if not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY_CHARACTERS:
            raise ErrorResponse(400, "INVALID_IDEMPOTENCY_KEY")
        token_id = context.caller.token["id"]
        expired_before = (context.now - IDEMPOTENCY_KEY_LIFETIME).timestamp()
        fingerprint = hashlib.sha256(
            f"{request.method} {request.path}\n".encode() + context.request_body.raw
        ).hexdigest()
        row = context.db.execute(
            "SELECT * FROM idempotency WHERE token_id = ? AND key = ? AND created_at > ?",
            (token_id, key, expired_before),
        ).fetchone()
        if row is not None:
            if row["fingerprint"] != fingerprint:
                raise ErrorResponse(409, "IDEMPOTENCY_KEY_MISMATCH")
            headers["Idempotency-Replayed"] = "true"
            return row["status"], json.loads(row["body"])
        body = route.handler(context)
        context.db.execute("DELETE FROM idempotency WHERE created_at <= ?", (expired_before,))
        context.state.insert(
            "idempotency", token_id=token_id, key=key, fingerprint=fingerprint, status=route.status,
            body=json.dumps(body), created_at=context.now.timestamp(),
        )  # fmt: skip
        return route.status, body

    def _match(self, request: Request) -> Match | ErrorResponse:
        found = self._find_path(request.path)
        if found is None:
            if request.path.removeprefix(API_ROOT).rstrip("/") in PUBLIC_ROUTES:
                return _method_not_allowed(["GET"])
            return ErrorResponse(404, "NOT_FOUND", "No such endpoint")
        methods, parameters = found
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        return _method_not_allowed(methods) if route is None else (route, parameters)


def _find_path(
    routes: _CompiledRoutes, path: str
) -> tuple[Mapping[str, Route], Mapping[str, str]] | None:
    """The routes of a path by method, and its parameters."""
    matches = ((methods, pattern.fullmatch(path)) for pattern, methods in routes)
    return next(((methods, match.groupdict()) for methods, match in matches if match), None)


def _method_not_allowed(allowed: Iterable[str]) -> ErrorResponse:
    headers = {"Allow": ", ".join(sorted(allowed))}
    return ErrorResponse(405, "METHOD_NOT_ALLOWED", "Method not allowed", headers=headers)


def _parse_query(query: bytes) -> dict[str, str]:
    """The first value of each parameter, at half the cost of Werkzeug's `args`."""
    return dict(reversed(parse_qsl(query.decode(errors="replace"), keep_blank_values=True)))


def _read_body(request: Request) -> RequestBody:
    if request.method in _READ_METHODS:
        return RequestBody(b"")
    if request.mimetype != "multipart/form-data":
        return RequestBody(request.get_data())
    try:
        return RequestBody(b"", is_multipart=True, files=request.files)
    except (HTTPException, ValueError):
        return RequestBody(b"", is_multipart=True)
