"""The web page at `/_inspect`: recent deliveries, why each is valid or not, and a replay button."""

import hmac
import secrets as randomness
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from outreply_cli.clock import Clock
from outreply_cli.formats.json import indent_json
from outreply_cli.net.html import render_page
from outreply_cli.net.server.host_check import is_allowed_host, is_forwarded
from outreply_cli.net.server.response import Response
from outreply_cli.webhooks.diagnose import diagnose
from outreply_cli.webhooks.models import Delivery, Forward, delivery_state
from outreply_cli.webhooks.store import DeliveryNotFoundError, DeliveryStore

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ROOT = "/_inspect"
_MAX_ROWS = 50
_MAX_BODY_CHARACTERS = 64 * 1024
_MAX_FORM_BYTES = 4_096
_LOOPBACK = ("127.", "::1")
_HIDDEN_HEADERS = frozenset({"Authorization", "Cookie"})


class Inspector:
    """The application at `/_inspect`; it serves this machine only, under a local host name.

    The `secrets` diagnose signatures and are never shown; the button forwards to `targets`.
    """

    def __init__(
        self, store: DeliveryStore, secrets: Sequence[str], targets: Sequence[str], clock: Clock
    ) -> None:
        self._store, self._secrets, self._targets, self._clock = store, secrets, targets, clock
        self._csrf_token = randomness.token_urlsafe(24)

    def __call__(self, environ: "WSGIEnvironment") -> Response | None:
        """The response; None for remote clients, who must not know that the page exists."""
        address = str(environ.get("REMOTE_ADDR", ""))
        # Requests through a tunnel come from loopback too, but with the tunnel's host name or with
        # the headers of a proxy.
        is_local = is_allowed_host(environ.get("HTTP_HOST", ""), "127.0.0.1")
        if not address.startswith(_LOOPBACK) or not is_local or is_forwarded(environ):
            return None
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if method in {"GET", "HEAD"} and path in {ROOT, f"{ROOT}/"}:
            return self._list_page()
        number = unquote(path.removeprefix(f"{ROOT}/"))
        try:
            if method == "POST":
                return self._replay(number, environ)
            return self._delivery_page(self._store.find(f"#{number}"))
        except DeliveryNotFoundError as error:
            return _message("Not found", error.message, 404)

    def _list_page(self) -> Response:
        deliveries = []
        for entry in self._store.history(limit=_MAX_ROWS):
            delivery: Delivery = entry.delivery
            forwards = ", ".join(_format_forward(forward) for forward in entry.forwards)
            deliveries.append({**_summary(delivery), "forwards": forwards})
        return render_page(
            "inspector_list.html", root=ROOT, deliveries=deliveries, refresh_seconds=2
        )

    def _delivery_page(self, delivery: Delivery) -> Response:
        diagnosis = diagnose(
            delivery.body,
            delivery.header("X-OutReply-Signature"),
            self._secrets,
            timestamp=delivery.header("X-OutReply-Timestamp"),
            now=delivery.received_at,
        )
        return render_page(
            "inspector_delivery.html",
            **_summary(delivery),
            root=ROOT,
            targets=self._targets if delivery.is_verified else [],
            csrf_token=self._csrf_token,
            findings=diagnosis.findings,
            headers=[
                (name, "(hidden)" if name in _HIDDEN_HEADERS else value)
                for name, value in delivery.headers
            ],
            body=indent_json(delivery.body)[:_MAX_BODY_CHARACTERS],
        )

    def _replay(self, number: str, environ: "WSGIEnvironment") -> Response:
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not is_allowed_host(urlsplit(str(origin)).netloc, "127.0.0.1"):
            return _message("Refused", "The request came from another site.", 403)
        form = parse_qs(environ["wsgi.input"].read(_MAX_FORM_BYTES).decode("utf-8", "replace"))
        token = form.get("csrf_token", [""])[0]
        if not hmac.compare_digest(token.encode(), self._csrf_token.encode()):
            return _message("Refused", "The form has expired. Reload the page.", 403)
        delivery = self._store.find(f"#{number}")
        if not delivery.is_verified:
            return _message("Refused", "Invalid deliveries are not forwarded.", 409)
        for target in self._targets:
            self._store.requeue(delivery, target, self._clock.now().timestamp())
        return Response(303, b"", {"Location": f"{ROOT}/{quote(number)}"})


def _message(title: str, message: str, status: int) -> Response:
    return render_page("message.html", status=status, title=title, message=message)


def _summary(delivery: Delivery) -> dict[str, Any]:
    return {
        "number": delivery.number,
        "id": delivery.id,
        "event": delivery.event,
        "received": f"{datetime.fromtimestamp(delivery.received_at, UTC):%Y-%m-%d %H:%M:%S} UTC",
        "state": delivery_state(delivery.reason, is_duplicate=delivery.is_duplicate),
        "response": delivery.status,
    }


def _format_forward(forward: Forward) -> str:
    if forward.due_at is not None:
        return f"{forward.target} queued"
    return f"{forward.target} {forward.error or forward.status}"
