"""Where webhooks may go: to this machine alone, unless the emulator was asked otherwise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from outreply_cli.emulator.dns import resolve
from outreply_cli.net.ssrf import Address, is_blocked


class TargetError(ValueError):
    """A webhook may not go to such a URL; its text completes `url …`."""


@dataclass(frozen=True)
class WebhookUrl:
    """A webhook's URL in the parts that a connection needs; `path` has the query with it."""

    is_secure: bool
    host: str
    port: int
    path: str


def parse_webhook_url(url: str) -> WebhookUrl:
    """The parts of a webhook's URL; raises TargetError for any other URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise TargetError("must be an http or https URL") from None
    if not host or parts.scheme not in {"http", "https"} or port == 0:
        raise TargetError("must be an http or https URL")
    is_secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebhookUrl(is_secure, host, port or (443 if is_secure else 80), path)


def validate_url(
    url: str,
    *,
    anywhere: bool,
    look_up: Callable[[str], Sequence[Address]] = resolve,
) -> None:
    """Refuse a URL that no webhook may have; raises TargetError."""
    target = parse_webhook_url(url)
    resolve_addresses(target, anywhere=anywhere, look_up=look_up)


def resolve_addresses(
    target: WebhookUrl, *, anywhere: bool, look_up: Callable[[str], Sequence[Address]] = resolve
) -> Sequence[Address]:
    """The addresses to connect to; raises TargetError unless all are allowed."""
    found = look_up(target.host)
    # An emulator must not knock at machines that never asked for it.
    if not anywhere and not (found and all(address.is_loopback for address in found)):
        raise TargetError("must be on this machine; start the emulator with --send-anywhere")
    if any(map(is_blocked, found)):
        raise TargetError("must not be where machines keep their credentials")
    return found
