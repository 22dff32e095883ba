"""OutReply's webhooks. Programs use `verify`, `sign` and `parse_event`.

In a handler, with the raw body and the signature header:

    if not verify(body, signature, secret):
        return 401
    event = parse_event(body)
"""

from outreply_cli.webhooks.event import Event, EventError, parse_event
from outreply_cli.webhooks.signature import sign, verify

__all__ = ["Event", "EventError", "parse_event", "sign", "verify"]
