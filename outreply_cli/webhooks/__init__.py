"""OutReply's webhooks: for programs `verify`, `sign` and `parse_event`; for the command the rest.

from outreply_cli.webhooks import parse_event, verify

if not verify(request.get_data(), request.headers.get("X-OutReply-Signature"), secret):
abort(401)
event = parse_event(request.get_data())
"""

from outreply_cli.webhooks.event import Event, EventError, parse_event
from outreply_cli.webhooks.signature import sign, verify

__all__ = ["Event", "EventError", "parse_event", "sign", "verify"]
