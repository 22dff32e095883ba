"""OutReply's webhooks: for programs `verify`, `sign` and `parse_event`; for the command the rest.

In a handler, with the raw body and the header as they came:

    if not verify(body, signature, secret):
        return 401
    event = parse_event(body)
"""

from outreply_cli.webhooks.event import Event, EventError, parse_event
from outreply_cli.webhooks.signature import sign, verify

__all__ = ["Event", "EventError", "parse_event", "sign", "verify"]
