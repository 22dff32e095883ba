"""The page below `/_inspect`: what came in, why it is good or bad, and a button to pass it on."""

import hmac
import secrets as randomness
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from outreply_cli.clock import Clock
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import indented
from outreply_cli.net.server.host_check import is_allowed_host
from outreply_cli.net.server.html import Html, page, table
from outreply_cli.net.server.response import Response
from outreply_cli.webhooks.diagnose import diagnose
from outreply_cli.webhooks.models import Delivery
from outreply_cli.webhooks.store import DeliveryStore

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ROOT = "/_inspect"
_SHOWN = 50
_BODY_SHOWN = 64 * 1024
_FORM_BYTES_MAX = 4_096
_LOOPBACK = ("127.", "::1")
_HIDDEN_HEADERS = frozenset({"Authorization", "Cookie"})


class Inspector:
    """Answers what is asked below `/_inspect`, on this machine and under its own names alone.

    Args:
        inbox: What it shows.
        secrets: What signatures are explained with; none of them is shown.
        targets: Where its button passes a delivery on to.
        clock: The present.
    """

    def __init__(
        self, inbox: DeliveryStore, secrets: Sequence[str], targets: Sequence[str], clock: Clock
    ) -> None:
        self._inbox, self._secrets, self._targets, self._clock = inbox, secrets, targets, clock
        self._proof = randomness.token_urlsafe(24)

    def __call__(self, environ: "WSGIEnvironment") -> Response | None:
        """The answer; None for whoever must not know that the page is there."""
        address = str(environ.get("REMOTE_ADDR", ""))
        # A tunnel's visitors come from loopback too, but under the tunnel's name.
        local = is_allowed_host(environ.get("HTTP_HOST", ""), "127.0.0.1")
        if not address.startswith(_LOOPBACK) or not local:
            return None
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if method in {"GET", "HEAD"} and path in {ROOT, f"{ROOT}/"}:
            return self._list()
        identity = unquote(path.removeprefix(f"{ROOT}/"))
        try:
            if method == "POST":
                return self._replay(identity, environ)
            return self._one(self._inbox.find(f"#{identity}"))
        except InvalidInputError as problem:
            return page("Not found", [f"<p>{escape(problem.message)}</p>"], status=404)

    def _list(self) -> Response:
        rows = []
        for seen in self._inbox.history(limit=_SHOWN):
            delivery: Delivery = seen["delivery"]
            rows.append((
                Html(f'<a href="{ROOT}/{delivery.number}">{_time(delivery.received_at)}</a>'),
                delivery.event, delivery.id, _state(delivery), delivery.status,
                ", ".join(_passed_on(each) for each in seen["forwards"]),
            ))  # fmt: skip
        heads = ("Received", "Event", "Id", "State", "Answer", "Passed on")
        return page(
            "Webhooks", ["<h1>Webhooks received</h1>", table(heads, rows)], refresh_seconds=2
        )

    def _one(self, delivery: Delivery) -> Response:
        found = diagnose(
            delivery.body,
            delivery.header("X-OutReply-Signature"),
            self._secrets,
            timestamp=delivery.header("X-OutReply-Timestamp"),
            now=delivery.received_at,
        )
        steps = "".join(f"<li>{escape(line)}</li>" for line in found.findings)
        headers = [
            (name, "(hidden)" if name in _HIDDEN_HEADERS else value)
            for name, value in delivery.headers
        ]
        summary = (
            f"{delivery.id}, {_time(delivery.received_at)}: {_state(delivery)}, "
            f"answered {delivery.status}"
        )
        return page(f"Webhook {delivery.id}", [
            f'<p><a href="{ROOT}">All</a></p>',
            f"<h1>{escape(delivery.event or 'no event')}</h1>",
            f"<p>{escape(summary)}</p>",
            self._button(delivery),
            f"<h2>Verification</h2><ul>{steps}</ul>",
            "<h2>Headers</h2>", table(("Name", "Value"), headers),
            f"<h2>Body</h2><pre>{escape(indented(delivery.body)[:_BODY_SHOWN])}</pre>",
        ])  # fmt: skip

    def _button(self, delivery: Delivery) -> str:
        if not self._targets or not delivery.is_verified:
            return ""
        where = escape(", ".join(self._targets))
        return (
            f'<form method="post" action="{ROOT}/{delivery.number}">'
            f'<input type="hidden" name="proof" value="{self._proof}">'
            f"<button>Pass on again to {where}</button></form>"
        )

    def _replay(self, identity: str, environ: "WSGIEnvironment") -> Response:
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not is_allowed_host(urlsplit(str(origin)).netloc, "127.0.0.1"):
            return page("Refused", ["<p>This came from another page.</p>"], status=403)
        form = parse_qs(environ["wsgi.input"].read(_FORM_BYTES_MAX).decode("utf-8", "replace"))
        given = form.get("proof", [""])[0]
        if not hmac.compare_digest(given.encode(), self._proof.encode()):
            return page("Refused", ["<p>This form is not of this run.</p>"], status=403)
        delivery = self._inbox.find(f"#{identity}")
        if not delivery.is_verified:
            return page("Refused", ["<p>A bad delivery is not passed on.</p>"], status=409)
        for target in self._targets:
            self._inbox.requeue(delivery, target, self._clock.now().timestamp())
        return Response(303, b"", {"Location": f"{ROOT}/{quote(identity)}"})


def _state(delivery: Delivery) -> str:
    if delivery.reason is not None:
        return f"bad: {delivery.reason}"
    return "good, seen before" if delivery.is_duplicate else "good"


def _passed_on(forward: dict[str, Any]) -> str:
    if forward["due_at"] is not None:
        return f"{forward['target']} waits"
    return f"{forward['target']} {forward['error'] or forward['status']}"


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
