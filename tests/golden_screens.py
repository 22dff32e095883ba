"""The golden screens; some are also pictures in the README."""

from datetime import timedelta
from pathlib import Path

from outreply_cli.commands.doctor import show_results
from outreply_cli.commands.webhooks.output import DeliveryReport
from outreply_cli.context import Context
from outreply_cli.doctor.result import failure, ok, skipped, warning
from outreply_cli.net.delivery_result import DeliveryResult
from outreply_cli.webhooks.event import parse_event
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.receiver import Received
from outreply_cli.webhooks.samples import encode_body, sample_event
from outreply_cli.webhooks.store import DeliveryStore
from tests.golden_account import NOW, Screen, TerminalSetup

NO_COLOR = {"NO_COLOR": "1"}
DUMB = {"TERM": "dumb"}
C_LOCALE = {"LANG": "C"}
PLAIN = ("--plain",)
# Dark and light terminals get the same output and must both be able to show it.
TERMINALS = (
    *(TerminalSetup(f"{width} columns, NO_COLOR", width, NO_COLOR) for width in (60, 80, 120, 200)),
    TerminalSetup("80 columns, TERM=dumb", environ=DUMB),
    TerminalSetup("80 columns, --plain", options=PLAIN),
    TerminalSetup("60 columns, --plain", 60, options=PLAIN),
    TerminalSetup("80 columns, LANG=C", environ={**C_LOCALE, **NO_COLOR}),
    *(TerminalSetup(f"{width} columns, dark and light", width) for width in (60, 80, 120, 200)),
)


def deliveries() -> list[IncomingDelivery]:
    """Valid, invalid and repeated deliveries."""
    items = []
    for minutes, event, reason in (
        (50, "post.published", None),
        (35, "comment.received", None),
        (20, "post.failed", "the signature is of other bytes or of another secret"),
        (5, "post.failed", None),
        (5, "post.failed", None),
    ):
        received_at = NOW - timedelta(minutes=minutes)
        body = encode_body(sample_event(event, received_at, []))
        items.append(
            IncomingDelivery(
                id=f"{event}:65f0c0ffee65f0c0ffee{minutes:04}",
                received_at=received_at.timestamp(),
                event=event,
                is_verified=reason is None,
                reason=reason,
                status=200 if reason is None else 401,
                headers=[],
                body=body,
                targets=["http://127.0.0.1:3000/hooks"],
            )
        )
    return items


def store_deliveries(home: Path) -> None:
    """Store `deliveries` in the webhook history."""
    path = home / "state" / "webhooks.db"
    path.parent.mkdir(parents=True)
    store = DeliveryStore(path)
    store.store(deliveries())
    store.close()


def print_doctor(context: Context) -> None:
    """Print a check result of each status."""
    findings = [
        ok("python", "3.11.9 on Linux"),
        warning("config", "/home/alex/.config/outreply/config.toml may be read by others (0644)",
                "chmod 600 /home/alex/.config/outreply/config.toml"),
        warning("keyring", "no response within 3 seconds; the file with the tokens is used instead",
                "Unlock the keyring, or sign in with: outreply auth login --insecure-storage"),
        failure("tls", "api.example.com: the certificate has expired on 22 Nov 2026",
                "If a proxy opens TLS here, add its certificate to those of this machine."),
        skipped("scopes", "requires a working token"),
    ]  # fmt: skip
    show_results(context.output, [vars(finding) for finding in findings])


def print_deliveries(context: Context) -> None:
    """Print `deliveries` as `serve-webhook` does."""
    report = DeliveryReport(context.output, context.zone())
    for number, delivery in enumerate(deliveries()):
        delivery.is_duplicate = number == 4
        event = parse_event(delivery.body) if delivery.is_verified else None
        forward = ("localhost:3000", DeliveryResult(200, None, 12.0)) if number == 0 else None
        received = Received(
            delivery, event, delivery.status, 4.2 + number, matches_filter=True, forward=forward
        )
        report.show_received(received)


SCREENS = [
    Screen("welcome", is_signed_in=False, takes_plain=False),
    Screen("help", ("--help",), takes_plain=False),
    Screen("help-of-a-command", ("posts", "schedule", "--help"), takes_plain=False),
    Screen("pages-list", ("pages", "list")),
    Screen("posts-list", ("posts", "list", "--all")),
    Screen("posts-show", ("posts", "show", "POST")),
    Screen("posts-calendar-week", ("posts", "calendar", "--week")),
    Screen("posts-calendar-month", ("posts", "calendar", "--month")),
    Screen("posts-publish", ("posts", "publish", "--page", "x:bluebird", "--page", "facebook:acme",
                             "-m", "The kettle is on ☕ until six", "--yes")),
    Screen("quota-show", ("quota", "show")),
    Screen("quota-forecast", ("quota", "forecast")),
    Screen("comments-inbox", ("comments", "inbox")),
    Screen("comments-list", ("comments", "list", "THREAD")),
    Screen("media-list", ("media", "list")),
    Screen("webhooks-history", ("webhooks", "history"), prepare=store_deliveries),
    Screen("webhooks-list", ("webhooks", "list")),
    Screen("serve-webhook", draw=print_deliveries),
    Screen("bulk-plan", ("bulk", "schedule", "spring.yaml", "--dry-run")),
    Screen("bulk-schedule", ("bulk", "schedule", "spring.yaml")),
    Screen("doctor", draw=print_doctor),
    Screen("error", ("posts", "show", "65f0c0ffee65f0c0ffee0404")),
    Screen("error-of-usage", ("posts", "lst", "--al")),
    Screen("auth-status", ("auth", "status")),
]  # fmt: skip
