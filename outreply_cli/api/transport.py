"""One request to the API, sent until it has an answer: headers, key, retries, timing."""

import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, NoReturn, cast

import httpx

from outreply_cli.api.base_url import check_base_url, is_loopback
from outreply_cli.api.decoding import DecodingError, ResponseTooLargeError, decompress
from outreply_cli.api.errors import (
    InvalidResponseError,
    LimitExceededError,
    LocalServerUnavailableError,
    NetworkError,
    NotFoundError,
    TLSVerificationError,
)
from outreply_cli.api.http_client import build_http_client
from outreply_cli.api.rate_limit import RateLimiter
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
from outreply_cli.api.uploading import FindUpload, Upload, find_uploaded
from outreply_cli.clock import Clock
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.spec.errors import fix_for_missing
from outreply_cli.spec.token import Token

_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_ANSWER_MAX_BYTES = 32 * 1024 * 1024
_REDIRECTS_MAX = 5
# A publish is answered only once the platform has taken the post, video and all.
_ANSWER_SECONDS = 60.0
_USED_UP = "the requests of this minute are used up"


@dataclass(frozen=True)
class RequestRecord:
    """One sending as `--verbose` shows it; holds nothing secret.

    Attributes:
        outcome: The status, or the name of what went wrong.
        milliseconds: From sending to the whole answer.
        budget_left: Requests left this minute, where the server says.
        retry_in: Seconds until it is sent again, None when it is not.
    """

    method: str
    path: str
    outcome: str
    milliseconds: float
    budget_left: str | None
    retry_in: float | None


class Transport:
    """Sends requests with one token to one base URL; safe to share between threads.

    Args:
        base_url: Where the API lives; checked by `check_base_url`.
        token: What authenticates; None only for the routes that need none.
        clock: Time, waiting and chance.
        patience: How long retries may go on.
        on_exchange: Called after each sending.
        on_pause: Called before each wait, with its seconds and what it is for.
        budget: Who may send now; None for everybody.
        answer_seconds: How long a silent server is given.

    Attributes:
        server_ahead: How far the server's clock is ahead of ours, as its last `Date` told;
            nothing where the two agree within a few seconds.
        requests_left: Of this minute, as the last answer said.
        tls: The last answer's `ssl.SSLObject`, while it is open; None over plain http.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: Token | None,
        clock: Clock,
        patience: RetryPolicy | None = None,
        on_exchange: Callable[[RequestRecord], None] | None = None,
        on_pause: Callable[[float, str], None] | None = None,
        budget: RateLimiter | None = None,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        self.base_url = check_base_url(base_url)
        self.patience = patience or RetryPolicy()
        self.server_ahead = timedelta(0)
        self.requests_left: str | None = None
        self.tls: Any = None
        self._token = token
        self._clock = clock
        self._on_exchange = on_exchange
        self._on_pause = on_pause
        self._budget = budget
        self._http = build_http_client(self.base_url, answer_seconds)

    def now(self) -> datetime:
        """The present instant by the server's clock, in UTC: what its rules are measured on."""
        return self._clock.now() + self.server_ahead

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()
        if self._budget is not None:
            self._budget.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request, again where that is safe and sensible, and return its answer.

        Every write carries an `Idempotency-Key` (reference: Idempotency), the same one each time
        it is sent; without one from the caller it is a new UUIDv4.

        Args:
            method: In upper case.
            path: Below the base URL, with a leading slash.
            query: Parameters to add.
            body: JSON to send, or None.
            idempotency_key: 1 to 120 characters, for a write whose occasion the caller names.
            headers: More headers; they can't replace the token.

        Raises:
            ApiError: The API answered 400 or above, finally.
            NetworkError: No answer came within the patience.
            BadAnswerError: What came is not an answer of the API.
            InvalidInputError: The body holds text that can't be sent; nothing was.
        """
        sent_headers = dict(headers or {})
        if method in _WRITES:
            sent_headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())

        def build() -> httpx.Request:
            return self._build(method, path, sent_headers, params=query or None, json=body)

        try:
            return self._exchange(build, repeatable=True)
        except NotFoundError as missing:
            if missing.code == "NOT_FOUND":
                missing.hint = fix_for_missing(path) or missing.hint
            raise
        except OutReplyError as error:
            if error.maybe_applied and method in _WRITES and idempotency_key is None:
                # The next run has another key.
                error.hint = "It may have been done all the same: look before you run it again."
            raise

    def upload(self, path: str, upload: Upload) -> Response:
        """Send one file as `multipart/form-data`, streamed from disk.

        The API does not recognise a second upload (reference: Idempotency), so one that may have
        arrived is looked for before it is sent again, and is not where nobody can look.

        Raises:
            OutReplyError: What the stream raises.
            ApiError, NetworkError, BadAnswerError: As `request`; `outcome_unknown` says that the
                file may be there all the same.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())}

        def build() -> httpx.Request:
            upload.stream.seek(0)
            part = (upload.filename, cast("IO[bytes]", upload.stream), upload.mime)
            return self._build("POST", path, headers, files={"file": part})

        return self._exchange(build, repeatable=upload.look is not None, look=upload.look)

    def _build(
        self, method: str, path: str, headers: Mapping[str, str], **content: Any
    ) -> httpx.Request:
        sent = dict(headers)
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token.reveal()}"
        try:
            return self._http.build_request(method, self.base_url + path, headers=sent, **content)
        except (httpx.InvalidURL, ValueError) as problem:
            raise InvalidInputError(
                f"the request can't be written: {problem}",
                hint="Take out control characters, and what is no Unicode text.",
            ) from None

    def _exchange(
        self,
        build: Callable[[], httpx.Request],
        *,
        repeatable: bool,
        look: FindUpload | None = None,
    ) -> Response:
        attempts = RetryState()
        may_be_done = False
        while True:
            self._wait_for_budget(attempts)
            request = build()
            started = self._clock.monotonic()
            response: httpx.Response | None = None
            try:
                response = self._send(request)
                answer = self._read(response)
            except OutReplyError as error:
                wait = self._wait_after(error, attempts, repeatable=repeatable)
                outcome = error.code if response is None else f"{response.status_code} {error.code}"
                self._tell(request, outcome, started, response, wait)
                may_be_done = may_be_done or is_ambiguous(error)
                if wait is not None:
                    self._pause(wait, error.message, attempts, may_be_done=may_be_done)
                if may_be_done and look is not None:
                    there = find_uploaded(error, look)
                    if there is not None:
                        return Response(200, dict(there), {}, None)
                if wait is None:
                    error.maybe_applied = may_be_done and not is_definitive(error)
                    raise
            else:
                self._tell(request, str(answer.status), started, response, None)
                return answer

    def _wait_after(
        self, error: OutReplyError, attempts: RetryState, *, repeatable: bool
    ) -> float | None:
        if is_rate_limited(error):
            attempts.refusals += 1
            self._tell_budget(error)
        else:
            attempts.failures += 1
        chance = self._clock.random()
        return retry_delay(error, attempts, self.patience, repeatable=repeatable, chance=chance)

    def _wait_for_budget(self, attempts: RetryState) -> None:
        if self._budget is None:
            return
        while (wait := self._budget.acquire()) > 0:
            most = self.patience.max_wait
            if most is not None and attempts.waited + wait > most:
                raise LimitExceededError(
                    429,
                    {"error": _USED_UP, "code": "RATE_LIMITED"},
                    retry_after_seconds=wait,
                )
            self._pause(wait, _USED_UP, attempts, may_be_done=False)

    def _tell_budget(self, refusal: OutReplyError) -> None:
        wait = getattr(refusal, "retry_after_seconds", None)
        if self._budget is not None and wait is not None:
            self._budget.throttle(wait)

    def _pause(self, seconds: float, why: str, attempts: RetryState, *, may_be_done: bool) -> None:
        if self._on_pause is not None:
            self._on_pause(seconds, why)
        try:
            self._clock.sleep(seconds)
        except OutReplyError as interrupted:
            interrupted.maybe_applied = may_be_done
            raise
        attempts.waited += seconds

    def _send(self, request: httpx.Request) -> httpx.Response:
        for _ in range(_REDIRECTS_MAX):
            response = self._fetch(request)
            if not response.has_redirect_location:
                return response
            request = self._follow(request, response)
        raise InvalidResponseError(
            "REDIRECT_REFUSED", "the server redirects in circles", status=response.status_code
        )

    def _fetch(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        try:
            response = self._http.send(request, stream=True)
            stream = response.extensions.get("network_stream")
            self.tls = stream.get_extra_info("ssl_object") if stream is not None else None
            try:
                encoding = response.headers.get("content-encoding", "")
                content = decompress(response.iter_raw(), encoding, most=_ANSWER_MAX_BYTES)
            finally:
                response.close()
        except ResponseTooLargeError:
            message = f"{host} answered with more than 32 MiB"
            status = response.status_code
            raise InvalidResponseError("ANSWER_TOO_LARGE", message, status=status) from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as failure:
            untrusted = _distrust(failure)
            if untrusted is not None:
                raise TLSVerificationError(host, untrusted.verify_message) from None
            reason = str(failure) or type(failure).__name__
            if is_loopback(host):
                raise LocalServerUnavailableError(
                    request.url.netloc.decode("ascii"), reason
                ) from None
            message = f"can't connect to {host}: {reason}"
            raise NetworkError("CONNECTION_FAILED", message, sent=False) from None
        except httpx.TimeoutException:
            raise NetworkError("TIMED_OUT", f"{host} did not answer in time", sent=True) from None
        except httpx.ProxyError as failure:
            message = f"the proxy refused: {failure}"
            raise NetworkError("CONNECTION_FAILED", message, sent=False) from None
        except DecodingError:
            message = f"{host} answered with bytes that are not what their encoding says"
            raise NetworkError("CONNECTION_LOST", message, sent=True) from None
        except httpx.InvalidURL:
            # Where an answer leads is looked at before the answer is handed out.
            message = f"{host} redirects to something that is not a URL"
            raise NetworkError("CONNECTION_LOST", message, sent=True) from None
        except httpx.TransportError as failure:
            message = f"the connection to {host} was lost: {failure or type(failure).__name__}"
            raise NetworkError("CONNECTION_LOST", message, sent=True) from None
        return httpx.Response(
            response.status_code,
            # Their bytes: a value may be in any encoding.
            headers=[(k, v) for k, v in response.headers.raw if k.lower() != b"content-encoding"],
            content=content,
            request=request,
        )

    def _follow(self, request: httpx.Request, response: httpx.Response) -> httpx.Request:
        try:
            target = request.url.join(response.headers["location"])
        except (httpx.InvalidURL, UnicodeError):
            self._refuse_redirect(response, "somewhere that is not a URL")
        here = request.url
        if (target.scheme, target.host, target.port) != (here.scheme, here.host, here.port):
            self._refuse_redirect(response, f"{target.scheme}://{target.host}")
        if request.method != "GET" and response.status_code not in {307, 308}:
            self._refuse_redirect(response, "a place where the write would become a read")
        return httpx.Request(request.method, target, headers=request.headers, stream=request.stream)

    @staticmethod
    def _refuse_redirect(response: httpx.Response, target: str) -> NoReturn:
        raise InvalidResponseError(
            "REDIRECT_REFUSED",
            f"the server redirects to {target}; the token is not sent there",
            status=response.status_code,
        )

    def _read(self, response: httpx.Response) -> Response:
        headers = dict(response.headers)
        date = headers.get("date")
        self.requests_left = headers.get("x-ratelimit-remaining", self.requests_left)
        self.server_ahead = clock_difference(date, self._clock.now())
        if self._budget is not None:
            self._budget.update(headers, parse_http_date(date))
        status, host = response.status_code, response.request.url.host
        if status < 400:
            return parse_response(status, headers, response.content, host)
        raise parse_error(status, headers, response.content, host, self._clock.now())

    def _tell(
        self,
        request: httpx.Request,
        outcome: str,
        started: float,
        response: httpx.Response | None,
        retry_in: float | None,
    ) -> None:
        if self._on_exchange is None:
            return
        self._on_exchange(
            RequestRecord(
                method=request.method,
                path=request.url.raw_path.decode("ascii"),
                outcome=outcome,
                milliseconds=(self._clock.monotonic() - started) * 1000,
                budget_left=response.headers.get("x-ratelimit-remaining") if response else None,
                retry_in=retry_in,
            )
        )


def _distrust(failure: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while failure is not None and not isinstance(failure, ssl.SSLCertVerificationError):
        failure = failure.__cause__ or failure.__context__
    return failure
