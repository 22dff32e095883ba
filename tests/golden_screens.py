"""The screens that are kept as golden text, some of them as the README's pictures."""

from datetime import timedelta
from pathlib import Path

from outreply_cli.commands.doctor import show_findings
from outreply_cli.commands.webhooks.output import DeliveryReport
from outreply_cli.context import Context
from outreply_cli.doctor.result import failure, ok, skipped, warning
from outreply_cli.net.deliver import DeliveryResult
from outreply_cli.webhooks.event import parse_event
from outreply_cli.webhooks.fixtures import encode_body, sample_event
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.receiver import Received
from outreply_cli.webhooks.store import DeliveryStore
from tests.golden_account import NOW, Look, Screen

NO_COLOR = {"NO_COLOR": "1"}
DUMB = {"TERM": "dumb"}
C_LOCALE = {"LANG": "C"}
PLAIN = ("--plain",)
# What a dark terminal is sent is what a light one is sent; both have to be able to show it.
LOOKS = (
    *(Look(f"{width} columns, NO_COLOR", width, NO_COLOR) for width in (60, 80, 120, 200)),
    Look("80 columns, TERM=dumb", environ=DUMB),
    Look("80 columns, --plain", options=PLAIN),
    Look("60 columns, --plain", 60, options=PLAIN),
    Look("80 columns, LANG=C", environ={**C_LOCALE, **NO_COLOR}),
    *(Look(f"{width} columns, dark and light", width) for width in (60, 80, 120, 200)),
)


def arrivals() -> list[IncomingDelivery]:
    """Good, bad and repeated deliveries."""
    found = []
    for minutes, event, reason in (
        (50, "post.published", None),
        (35, "comment.received", None),
        (20, "post.failed", "the signature is of other bytes or of another secret"),
        (5, "post.failed", None),
        (5, "post.failed", None),
    ):
        moment = NOW - timedelta(minutes=minutes)
        body = encode_body(sample_event(event, moment, []))
        found.append(
            IncomingDelivery(
                id=f"{event}:65f0c0ffee65f0c0ffee{minutes:04}",
                received_at=moment.timestamp(),
                event=event,
                is_verified=reason is None,
                reason=reason,
                status=200 if reason is None else 401,
                headers=[],
                body=body,
                targets=["http://127.0.0.1:3000/hooks"],
            )
        )
    return found


def fill_inbox(home: Path) -> None:
    """Put `arrivals` into the history."""
    path = home / "state" / "webhooks.db"
    path.parent.mkdir(parents=True)
    inbox = DeliveryStore(path)
    inbox.store(list(arrivals()))
    inbox.close()


def doctor(context: Context) -> None:
    """Each standing that a check may have."""
    findings = [
        ok("python", "3.11.9 on Linux"),
        warning("config", "/home/alex/.config/outreply/config.toml may be read by others (0644)",
                "chmod 600 /home/alex/.config/outreply/config.toml"),
        warning("keyring", "no answer within 3 s; the file with the tokens is used instead",
                "Unlock the keyring, or sign in with: outreply auth login --insecure-storage"),
        failure("tls", "api.example.com: the certificate has expired on 22 Nov 2026",
                "If a proxy opens TLS here, add its certificate to those of this machine."),
        skipped("scopes", "the token could not be asked for them"),
    ]  # fmt: skip
    show_findings(context.output, [vars(one) for one in findings])


def deliveries(context: Context) -> None:
    """What `serve-webhook` tells of `arrivals`."""
    report = DeliveryReport(context.output, context.zone())
    for number, arrival in enumerate(arrivals()):
        arrival.seen = int(number == 4)
        event = parse_event(arrival.body) if arrival.is_verified else None
        forward = ("localhost:3000", DeliveryResult(200, None, 12.0)) if number == 0 else None
        received = Received(
            arrival, event, arrival.status, 4.2 + number, is_wanted=True, forward=forward
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
    Screen("webhooks-history", ("webhooks", "history"), prepare=fill_inbox),
    Screen("webhooks-list", ("webhooks", "list")),
    Screen("serve-webhook", draw=deliveries),
    Screen("bulk-plan", ("bulk", "schedule", "spring.yaml", "--dry-run")),
    Screen("bulk-schedule", ("bulk", "schedule", "spring.yaml")),
    Screen("doctor", draw=doctor),
    Screen("error", ("posts", "show", "65f0c0ffee65f0c0ffee0404")),
    Screen("error-of-usage", ("posts", "lst", "--al")),
    Screen("auth-status", ("auth", "status")),
]  # fmt: skip
