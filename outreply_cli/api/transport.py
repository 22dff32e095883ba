"""Sending of requests: headers, idempotency keys, retries, rate limit, redirects."""

import hashlib
import ssl
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypedDict, Unpack

import httpx

from outreply_cli.api.base_url import check_base_url, is_loopback
from outreply_cli.api.deadline import Deadline, active_deadline
from outreply_cli.api.decoding import DecodingError, ResponseTooLargeError, decompress
from outreply_cli.api.errors import (
    ApiError,
    InvalidResponseError,
    LimitExceededError,
    NetworkError,
    PermissionDeniedError,
)
from outreply_cli.api.hints import SIGN_IN
from outreply_cli.api.http_client import build_http_client, proxy_for, socks_errors
from outreply_cli.api.rate_limit import RateLimiter
from outreply_cli.api.request_builders import ApiRequest
from outreply_cli.api.resend import LIST_LAG, is_key_remembered
from outreply_cli.api.responses import Response, parse_error, parse_response
from outreply_cli.api.retry import (
    RetryPolicy,
    RetryState,
    clock_difference,
    is_ambiguous,
    is_definitive,
    is_rate_limited,
    parse_http_date,
    retry_delay,
)
from outreply_cli.clock import Clock
from outreply_cli.errors import InterruptedRunError, InvalidInputError, OutReplyError
from outreply_cli.net.proxy import Proxy
from outreply_cli.net.tls import describe_tls_error, find_tls_error
from outreply_cli.spec.token import LEAK_PROBLEM, Token, holds_secret
from outreply_cli.ui.redact import redact

_MAX_RESPONSE_BYTES = 32 * 1024 * 1024
_MAX_REDIRECTS = 5
# A publish responds once the platform has accepted the post, including its video.
_RESPONSE_TIMEOUT = 60.0
_MIN_ATTEMPT_SECONDS = 1.0
# Clocks of the client and of a server that sends no `Date` differ by this much at most.
_CLOCK_TOLERANCE = timedelta(seconds=10)
_RATE_LIMIT_REACHED = "rate limit reached"
_LOCAL_SERVER_HINT = (
    "Start the emulator: outreply emulator start, or use another account: outreply auth switch NAME"
)
_LEAK_HINT = (
    "Nothing was sent. If others have seen the secret, rotate it in the dashboard under API."
)
_MAYBE_APPLIED_HINT = "The request may have succeeded; check the result before you run it again."


# Returns the server's object of a write whose response was lost, or None if it is not listed.
Find = Callable[[], Mapping[str, Any] | None]


class Conditions(TypedDict, total=False):
    """Checks around the attempts of a write.

    Attributes:
        find: Looks for a write that may have been carried out.
        before_attempt: Called right before each attempt, after all waits; no attempt follows if it
            returns an object, which another process has created.
        not_after: Time, by the server's clock, after which no attempt starts.
    """

    find: Find | None
    before_attempt: Find | None
    not_after: datetime | None


@dataclass(kw_only=True, eq=False, repr=False)
class _Exchange(RetryState):
    """A request with its attempts, and the conditions for another one.

    Attributes:
        request: The request, with its `Idempotency-Key` if it is a write.
        has_new_key: Whether its key was generated for this run, so another run cannot repeat it.
        find, before_attempt, not_after: See `Conditions`.
    """

    request: ApiRequest
    has_new_key: bool = False
    find: Find | None = None
    before_attempt: Find | None = None
    not_after: datetime | None = None

    @property
    def has_key(self) -> bool:
        """Whether the server deduplicates it by its `Idempotency-Key`; it ignores an upload's."""
        return self.request.is_write and self.request.file is None

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again."""
        return self.request.file is None or self.find is not None


@dataclass(frozen=True, eq=False, repr=False)
class RequestRecord:
    """One attempt of a request, for `--verbose`; contains no secret.

    Attributes:
        outcome: HTTP status, error code, or both.
        latency_ms: Milliseconds until the complete response.
        requests_left: Remaining requests of this minute, if reported.
        retry_in: Seconds until the next attempt; None for the last one.
    """

    method: str
    path: str
    outcome: str
    latency_ms: float
    requests_left: str | None
    retry_in: float | None


class _Search(threading.local):
    """The request whose lost response this thread is looking for, if any."""

    state: RetryState | None = None


@dataclass(kw_only=True, eq=False, repr=False)
class Transport:
    """Sends requests with one token to one base URL; thread-safe.

    Args:
        base_url: Base URL of the API; checked by `check_base_url`.
        token: Token of the requests; None for endpoints that need none.
        clock: Time, sleep and randomness.
        retry_policy: Limits of retrying.
        on_request: Called after each attempt.
        on_wait: Called before each wait with its seconds and reason.
        rate_limiter: Decides when to send; None to send immediately.
        timeout: Seconds from the end of the request to the end of the response.
        is_stopped: Whether the run was stopped: no attempt starts, and one in flight ends soon.
        sign_in_hint: Command or variable that replaces the token, for hints.

    Attributes:
        server_ahead: Time by which the server's clock is ahead, from its last `Date`; zero if both
            agree within seconds.
        requests_left: Remaining requests of this minute, as last reported.
        proxy: The proxy of all requests; None if they go to the base URL directly.
        tls: `ssl.SSLObject` of the last response, while it is open; None over plain http.
    """

    base_url: str
    token: Token | None
    clock: Clock
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    on_request: Callable[[RequestRecord], None] | None = None
    on_wait: Callable[[float, str], None] | None = None
    rate_limiter: RateLimiter | None = None
    timeout: float = _RESPONSE_TIMEOUT
    is_stopped: Callable[[], bool] | None = None
    sign_in_hint: str = SIGN_IN

    def __post_init__(self) -> None:
        self.base_url = check_base_url(self.base_url)
        self.server_ahead = timedelta(0)
        self.requests_left: str | None = None
        self.tls: Any = None
        self.proxy = proxy_for(self.base_url)
        self._http = build_http_client(self.base_url, self.timeout, self.proxy)
        # The server's time at a monotonic time: the machine's clock may be set at any time.
        self._server_time: tuple[datetime, float] | None = None
        # The `Date` itself, which lacks fractions of a second, at a monotonic time.
        self._date: tuple[datetime, float] | None = None
        self._search = _Search()
        self._first_request_at: float | None = None
        # Seconds of the requests that failed since the last one that succeeded.
        self._failed_seconds = 0.0

    def now(self) -> datetime:
        """The current time by the server's clock, in UTC."""
        if self._server_time is None:
            return self.clock.now()
        server_time, measured_at = self._server_time
        return server_time + self._age(measured_at)

    def earliest_now(self) -> datetime:
        """The latest time that the server's clock is known to have reached, in UTC."""
        if self._date is None:
            return self.clock.now() - _CLOCK_TOLERANCE
        date, measured_at = self._date
        return date + self._age(measured_at)

    @property
    def token_digest(self) -> str:
        """A digest that distinguishes tokens: idempotency keys are scoped to one of them."""
        if self.token is None:
            return ""
        return hashlib.sha256(self.token.reveal().encode()).hexdigest()[:16]

    def holds_secret(self, value: object) -> bool:
        """Whether a text in a JSON value contains the token, or anything of a token's shape."""
        return holds_secret(value, self.token)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
        if self.rate_limiter is not None:
            self.rate_limiter.close()

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Response:
        """Read `path`; see `send`."""
        return self.send(ApiRequest("GET", path, query=query or {}))

    def send(self, request: ApiRequest, **conditions: Unpack[Conditions]) -> Response:
        """Send a request, retry it where that is safe, and return the response.

        Each write carries an `Idempotency-Key` (reference: Idempotency), the same in all attempts:
        a new UUIDv4 unless the request has one. Its headers cannot replace the token.

        A write that may have been carried out is looked for with `find` before it is repeated, and
        repeated only while its key is certain to be known (see `resend`). Uploads are not
        idempotent (reference: Idempotency): without `find`, one that may have arrived is not
        repeated.

        Raises:
            ApiError: The API responded with 400 or above.
            NetworkError: No complete response was received.
            InvalidResponseError: The response does not come from the API.
            InvalidInputError: The body contains text that cannot be sent, or a token or webhook
                secret; nothing was sent.
            OutReplyError: An error of the stream of an upload.
        """
        has_new_key = request.is_write and request.idempotency_key is None
        if request.is_write:
            self.refuse_secrets(request.body)
        if has_new_key:
            request = replace(request, idempotency_key=str(uuid.uuid4()))
        return self._send(_Exchange(request=request, has_new_key=has_new_key, **conditions))

    def refuse_secrets(self, body: object) -> None:
        """Raise InvalidInputError for a body that contains a token or a webhook secret."""
        if not self.holds_secret(body):
            return
        fields = body if isinstance(body, Mapping) else {}
        names = [name for name in fields if self.holds_secret(fields[name])]
        is_shown = bool(names) and not self.holds_secret(names)
        where = f"`{names[0]}`" if is_shown else "the body"
        raise InvalidInputError(f"{where} {LEAK_PROBLEM}", hint=_LEAK_HINT)

    def _build(self, request: ApiRequest) -> httpx.Request:
        headers = dict(request.headers)
        if request.is_write and request.idempotency_key is not None:
            headers["Idempotency-Key"] = request.idempotency_key
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.reveal()}"
        file, files = request.file, None
        if file is not None:
            assert file.stream is not None
            file.stream.seek(0)
            files = {"file": (file.filename, file.stream, file.mime)}
        try:
            return self._http.build_request(
                request.method, self.base_url + request.path, headers=headers,
                params=request.query or None, json=request.body,
                files=files,
            )  # fmt: skip
        except (httpx.InvalidURL, ValueError) as error:
            raise InvalidInputError(
                f"invalid request: {error}", hint="Remove control characters and invalid Unicode."
            ) from None

    def _send(self, exchange: _Exchange) -> Response:
        exchange.started_at = self.clock.monotonic()
        if self._first_request_at is None:
            self._first_request_at = exchange.started_at
        try:
            while True:
                found = self._look_up(exchange)
                if found is None:
                    self._wait_for_rate_limit(exchange)
                    self._check_repeatable(exchange)
                    if exchange.before_attempt is not None:
                        found = exchange.before_attempt()
                if found is not None:
                    return Response(200, dict(found), {}, None)
                response = self._attempt(exchange)
                if response is not None:
                    self._failed_seconds = 0.0
                    return response
        except OutReplyError as error:
            if self._search.state is None:
                is_down = is_ambiguous(error) or is_rate_limited(error)
                self._failed_seconds = self._get_elapsed(exchange) if is_down else 0.0
            if not exchange.maybe_applied or is_definitive(error):
                raise
            hint = _MAYBE_APPLIED_HINT if exchange.has_new_key and exchange.has_key else error.hint
            raise error.replace(maybe_applied=True, hint=hint) from error

    def _attempt(self, exchange: _Exchange) -> Response | None:
        # Returns None if the request is to be sent again.
        request, started_at = self._build(exchange.request), self.clock.monotonic()
        received: httpx.Response | None = None
        try:
            with active_deadline(self._deadline(exchange)):
                received = self._follow(request)
            response = self._parse(received, exchange.request)
        except OutReplyError as error:
            if is_ambiguous(error) and exchange.sent_at is None:
                exchange.sent_at = started_at
            exchange.last_error = error
            delay = self._retry_delay(error, exchange)
            outcome = error.code if received is None else f"{received.status_code} {error.code}"
            self._record(request, outcome, started_at, received, delay)
            if delay is None:
                found = None
                # Search once more before the error becomes final.
                with suppress(OutReplyError):
                    found = self._find(exchange)
                if found is not None:
                    return Response(200, dict(found), {}, None)
                if exchange.not_after is None:
                    raise
                raise self._explain_deadline(error, exchange.not_after) from error
            self._wait(delay, error.message)
            return None
        self._record(request, str(response.status), started_at, received, None)
        return response

    def _look_up(self, exchange: _Exchange) -> Mapping[str, Any] | None:
        """Look for the object of a write that may have been carried out, again while lists fail."""
        while True:
            try:
                return self._find(exchange)
            except InterruptedRunError:
                raise
            except OutReplyError as error:
                if isinstance(error, PermissionDeniedError) and exchange.has_key:
                    # Without a search, only the key makes a repeat harmless.
                    return None
                delay = self._retry_delay(error, exchange)
                if delay is None:
                    raise error.replace(maybe_applied=True) from None
                self._wait(delay, error.message)

    def _find(self, exchange: _Exchange) -> Mapping[str, Any] | None:
        if not exchange.maybe_applied or exchange.find is None:
            return None
        self._search.state = exchange
        try:
            return exchange.find()
        finally:
            self._search.state = None

    def _retry_delay(self, error: OutReplyError, exchange: _Exchange) -> float | None:
        if is_rate_limited(error):
            exchange.rate_limited += 1
            seconds = error.retry_after_seconds if isinstance(error, ApiError) else None
            if self.rate_limiter is not None and seconds is not None:
                self.rate_limiter.throttle(seconds)
        else:
            exchange.failures += 1
        if self._search.state is not None and not is_rate_limited(error):
            return None
        delay = retry_delay(
            error,
            exchange,
            self.retry_policy,
            elapsed=self._get_elapsed(exchange),
            repeatable=exchange.is_repeatable,
            jitter=self.clock.random(),
        )
        if delay is None:
            return None
        if exchange.maybe_applied and not exchange.has_key and exchange.find is not None:
            # Only a list that is not late proves that the upload did not arrive.
            delay = max(delay, LIST_LAG.total_seconds())
            if not self.retry_policy.allows(self._get_elapsed(exchange), delay):
                return None
        return None if self._is_too_late(exchange, delay) else delay

    def _is_too_late(self, exchange: _Exchange, delay: float) -> bool:
        """Whether, after `delay` seconds, the key may be forgotten or the post is due."""
        wait = timedelta(seconds=delay)
        if exchange.not_after is not None and self.now() + wait > exchange.not_after:
            return True
        return self._is_key_forgotten(exchange, wait)

    def _is_key_forgotten(self, exchange: _Exchange, wait: timedelta = timedelta(0)) -> bool:
        if exchange.sent_at is None or not exchange.has_key:
            return False
        return not is_key_remembered(self._age(exchange.sent_at) + wait)

    def _check_repeatable(self, exchange: _Exchange) -> None:
        """Raise if a request may no longer be repeated: the run ends, or the key is too old."""
        if self.is_stopped is not None and self.is_stopped():
            raise InterruptedRunError("the run was stopped")
        until = self._until(exchange)
        if until is not None and self.clock.monotonic() >= until:
            raise exchange.last_error or _out_of_time()
        if self._is_key_forgotten(exchange):
            raise NetworkError(
                "TIMED_OUT",
                "the request was first sent too long ago to be repeated safely",
                hint=_MAYBE_APPLIED_HINT,
            )

    def _explain_deadline(self, error: OutReplyError, not_after: datetime) -> OutReplyError:
        seconds = error.retry_after_seconds if isinstance(error, ApiError) else None
        if seconds is None or self.now() + timedelta(seconds=seconds) <= not_after:
            return error
        text = error.message.rstrip(".")
        reason = "the wait that the server requires would end after the post's scheduled time"
        return error.replace(message=f"{text}; {reason}")

    def _age(self, since: float) -> timedelta:
        return timedelta(seconds=self.clock.monotonic() - since)

    def _get_elapsed(self, state: RetryState) -> float:
        # The search for a lost response is part of the request that lost it.
        return self.clock.monotonic() - self._started_at(state)

    def _started_at(self, state: RetryState) -> float:
        policy, started_at = self.retry_policy, (self._search.state or state).started_at
        if not policy.is_per_command:
            return started_at
        if policy.cuts_attempts and self._first_request_at is not None:
            return self._first_request_at
        # A server that responds again gets the whole limit.
        return started_at - self._failed_seconds

    def _until(self, state: RetryState) -> float | None:
        """Return the monotonic time at which attempts are cut off."""
        policy = self.retry_policy
        if not policy.cuts_attempts or policy.max_wait is None:
            return None
        # Without any time, no request could be made.
        return self._started_at(state) + max(policy.max_wait, _MIN_ATTEMPT_SECONDS)

    def _deadline(self, state: RetryState) -> Deadline:
        return Deadline(
            self.clock,
            response_seconds=self.timeout,
            until=self._until(state),
            is_stopped=self.is_stopped,
        )

    def _wait_for_rate_limit(self, state: RetryState) -> None:
        if self.rate_limiter is None:
            return
        while (seconds := self.rate_limiter.acquire()) > 0:
            if not self.retry_policy.allows(self._get_elapsed(state), seconds):
                raise LimitExceededError(
                    429,
                    {"error": _RATE_LIMIT_REACHED, "code": "RATE_LIMITED"},
                    retry_after_seconds=seconds,
                )
            self._wait(seconds, _RATE_LIMIT_REACHED)

    def _wait(self, seconds: float, reason: str) -> None:
        is_stopped = self.is_stopped is not None and self.is_stopped()
        if self.on_wait is not None and not is_stopped:
            self.on_wait(seconds, reason)
        self.clock.sleep(seconds)

    def _follow(self, request: httpx.Request) -> httpx.Response:
        for _ in range(_MAX_REDIRECTS):
            response = self._fetch(request)
            if not response.has_redirect_location:
                return response
            request = self._redirect(request, response)
        raise InvalidResponseError(
            "REDIRECT_REFUSED", "too many redirects", status=response.status_code
        )

    def _fetch(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._http.send(request, stream=True)
            stream = response.extensions.get("network_stream")
            self.tls = stream.get_extra_info("ssl_object") if stream is not None else None
            try:
                encoding = response.headers.get("content-encoding", "")
                content = decompress(response.iter_raw(), encoding, max_bytes=_MAX_RESPONSE_BYTES)
            finally:
                response.close()
        except ResponseTooLargeError:
            raise InvalidResponseError(
                "RESPONSE_TOO_LARGE",
                f"the response from {request.url.host} exceeds 32 MiB",
                status=response.status_code,
            ) from None
        # httpx parses the Location header before it returns the response.
        except (httpx.TransportError, httpx.InvalidURL, DecodingError) as error:
            raise _network_error(error, request.url, self.proxy) from None
        except socks_errors() as error:
            raise _network_error(error, request.url, self.proxy) from None
        return httpx.Response(
            response.status_code,
            # As bytes: header values may have any encoding.
            headers=[(k, v) for k, v in response.headers.raw if k.lower() != b"content-encoding"],
            content=content,
            request=request,
        )

    def _redirect(self, request: httpx.Request, response: httpx.Response) -> httpx.Request:
        try:
            target = request.url.join(response.headers["location"])
        except (httpx.InvalidURL, UnicodeError):
            self._refuse_redirect(response, "to an invalid URL")
        origin = request.url
        if (target.scheme, target.host, target.port) != (origin.scheme, origin.host, origin.port):
            self._refuse_redirect(response, f"to {target.scheme}://{target.host}")
        if request.method != "GET" and response.status_code not in {307, 308}:
            self._refuse_redirect(response, f"of a {request.method}, which would become a GET")
        return httpx.Request(request.method, target, headers=request.headers, stream=request.stream)

    @staticmethod
    def _refuse_redirect(response: httpx.Response, target: str) -> NoReturn:
        message = f"refusing to follow a redirect {target}"
        raise InvalidResponseError("REDIRECT_REFUSED", message, status=response.status_code)

    def _parse(self, response: httpx.Response, request: ApiRequest) -> Response:
        headers = dict(response.headers)
        now = self.clock.now()
        server_now = parse_http_date(headers.get("date"))
        self.requests_left = headers.get("x-ratelimit-remaining", self.requests_left)
        self.server_ahead = clock_difference(server_now, now)
        # A gateway that responds instead of the API has a different clock.
        if server_now is not None and response.status_code < 500:
            measured_at = self.clock.monotonic()
            self._server_time = (now + self.server_ahead, measured_at)
            self._date = (server_now, measured_at)
        if self.rate_limiter is not None:
            self.rate_limiter.update(headers, server_now.timestamp() if server_now else None)
        status, host = response.status_code, response.request.url.host
        path = request.path if request.file is None else ""
        if status < 300:
            return parse_response(status, headers, response.content, host)
        if status < 400:
            message = f"the server responded with {status} without a Location header"
            raise InvalidResponseError("REDIRECT_REFUSED", message, status=status)
        # An echoed token would get into results, reports and the journal.
        secrets = [self.token.reveal()] if self.token is not None else []
        content = redact(response.content.decode("latin-1"), secrets).encode("latin-1")
        raise parse_error(
            status, headers, content, host, path=path, now=now, sign_in_hint=self.sign_in_hint
        )

    def _record(
        self,
        request: httpx.Request,
        outcome: str,
        started_at: float,
        response: httpx.Response | None,
        retry_in: float | None,
    ) -> None:
        if self.on_request is None:
            return
        self.on_request(
            RequestRecord(
                method=request.method,
                path=request.url.raw_path.decode("ascii"),
                outcome=outcome,
                latency_ms=(self.clock.monotonic() - started_at) * 1000,
                requests_left=response.headers.get("x-ratelimit-remaining") if response else None,
                retry_in=retry_in,
            )
        )


def _out_of_time() -> NetworkError:
    error = NetworkError(
        "TIMED_OUT",
        "timed out: --max-wait exceeded",
        hint="Use a longer --max-wait.",
    )
    error.sent = False
    return error


def _network_error(error: Exception, url: httpx.URL, proxy: Proxy | None) -> NetworkError:
    host, proxy_hint = url.host, _proxy_hint(proxy, url.host)
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return _connect_error(error, url, proxy)
    if isinstance(error, httpx.TimeoutException):
        return NetworkError("TIMED_OUT", f"{host} did not respond in time")
    if isinstance(error, httpx.ProxyError):
        message = f"the proxy rejected the connection: {error}"
        return NetworkError("CONNECTION_FAILED", message, hint=proxy_hint)
    if isinstance(error, socks_errors()):
        # The request may have been sent, as far as the type of the error shows.
        message = "the proxy does not speak SOCKS5"
        return NetworkError("CONNECTION_LOST", message, hint=proxy_hint)
    message = f"the connection to {host} was lost: {error or type(error).__name__}"
    if isinstance(error, DecodingError):
        message = f"the response from {host} does not match its content encoding"
    elif isinstance(error, httpx.InvalidURL):
        message = f"{host} redirects to an invalid URL"
    return NetworkError("CONNECTION_LOST", message)


def _connect_error(error: Exception, url: httpx.URL, proxy: Proxy | None) -> NetworkError:
    tls_error = find_tls_error(error)
    if tls_error is not None:
        message, hint = describe_tls_error(tls_error, url.host)
        if isinstance(tls_error, ssl.SSLCertVerificationError):
            return NetworkError("CERTIFICATE_NOT_TRUSTED", message, hint=hint)
        return NetworkError("CONNECTION_FAILED", message)
    # "[Errno 111] Connection refused" without its number.
    text = str(error).partition("] ")[2] if str(error).startswith("[Errno ") else str(error)
    reason = text[:1].lower() + text[1:] or type(error).__name__
    if proxy is not None:
        message = f"cannot connect to the proxy {proxy.redacted_url}: {reason}"
        return NetworkError("CONNECTION_FAILED", message, hint=_proxy_hint(proxy, url.host))
    if is_loopback(url.host):
        message = f"cannot connect to {url.netloc.decode('ascii')}: {reason}"
        return NetworkError("CONNECTION_FAILED", message, hint=_LOCAL_SERVER_HINT)
    return NetworkError("CONNECTION_FAILED", f"cannot connect to {url.host}: {reason}")


def _proxy_hint(proxy: Proxy | None, host: str) -> str:
    variable = proxy.variable if proxy is not None else "HTTPS_PROXY"
    return f"Check {variable}. To connect without a proxy, add {host} to NO_PROXY."
