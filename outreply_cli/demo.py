"""The demonstration's parts: an emulator and a receiver in this process, a calendar, real HTTP."""

import queue
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, Resource
from outreply_cli.api.transport import Transport
from outreply_cli.bulk.executor import CancellationToken, RunReport
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.remote_state import fetch_remote_state
from outreply_cli.bulk.service import BulkOptions, BulkService, PlannedCalendar
from outreply_cli.clock import Clock
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import Journal
from outreply_cli.spec.token import Token
from outreply_cli.timestamps import format_timestamp
from outreply_cli.webhooks.receiver import Received, ReceiverConfig
from outreply_cli.webhooks.server import WebhookServer
from outreply_cli.webhooks.store import DeliveryStore

ZONE = ZoneInfo("Europe/Paris")
CALENDAR_NAME = "spring-launch.yaml"
_DELIVERY_SECONDS = 10.0
_HEAD = """\
timezone: Europe/Paris
defaults:
  page: instagram:acme
posts:
"""
# Days from today, time, page, zone of its own, message.
_POSTS = (
    (1, "09:00", "", "", "Spring is in the workshop 🌱"),
    (1, "17:30", "linkedin:acme-co", "", "We are hiring two joiners"),
    (2, "08:30", "x:bluebird", "America/New_York", "New beans: Huehuetenango"),
    (2, "12:00", "", "", "Oiled oak, three coats"),
    (2, "12:00", "facebook:acme", "", "Oiled oak, three coats"),
    (3, "07:45", "tiktok:bluebirdcoffee", "America/New_York", "Latte art in 20 seconds"),
    (3, "18:00", "facebook:acme", "", "Open evening on Friday"),
    (4, "09:00", "", "", "What a dovetail is for"),
    (4, "16:00", "x:bluebird", "America/New_York", "Cold brew weather ☀️"),
    (5, "11:00", "linkedin:acme-co", "", "From log to table"),
    (5, "20:00", "youtube:bluebirdathome", "Asia/Tokyo", "Brewing at home, part 1"),
    (6, "10:00", "", "", "Sunday: closed, sawdust everywhere"),
)


class Demo:
    """An account on this machine for as long as the block lasts; nothing of it stays.

    Args:
        clock: The machine's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # The furthest east: the first post is more than ten minutes ahead everywhere.
        self._today = clock.now().astimezone(ZoneInfo("Asia/Tokyo")).date()

    def __enter__(self) -> Self:
        """Start the emulator on a free port."""
        self._directory = tempfile.TemporaryDirectory(prefix="outreply-demo-")
        self.directory = Path(self._directory.name)
        self.server = EmulatorServer(self.directory / "emulator.db", self._clock)
        self.server.__enter__()
        self.client = Client(
            Transport(
                base_url=self.server.base_url, token=Token(self.server.token), clock=self._clock
            )
        )
        self._journal = Journal(self.directory / "journal.db")
        self._received: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._listening = ExitStack()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the emulator and remove what it left."""
        self._listening.close()
        self._journal.close()
        self.client.transport.close()
        self.server.__exit__(kind, error, trace)
        self._directory.cleanup()

    def write_calendar(self) -> Path:
        """A calendar of a dozen posts over six pages and three time zones."""
        lines = [_HEAD]
        for number, (days, hour, page, zone, message) in enumerate(_POSTS, start=1):
            lines.append(f"  - key: post-{number:02}\n")
            lines.append(f"    scheduled_at: {self._today + timedelta(days=days)} {hour}\n")
            lines += [f"    page: {page}\n"] if page else []
            lines += [f"    timezone: {zone}\n"] if zone else []
            lines.append(f"    message: '{message}'\n")
        path = self.directory / CALENDAR_NAME
        path.write_text("".join(lines), encoding="utf-8")
        return path

    def prepare(self, path: Path) -> tuple[BulkService, PlannedCalendar]:
        """The calendar's plan against the account as it is now."""
        run = BulkService(self.client, self._journal, BulkOptions(zone=ZONE))
        calendar = load_calendar(str(path))
        calendar.name = CALENDAR_NAME
        return run, run.plan(calendar, fetch_remote_state(self.client), settle=True)

    def carry_out(self, run: BulkService, prepared: PlannedCalendar) -> RunReport:
        """Do what the plan says, over HTTP."""
        return run.apply(prepared, CancellationToken(), lambda _: None)

    def receive_webhooks(self) -> None:
        """Listen from now on for what becomes of the posts, with a webhook of the account."""
        inbox = DeliveryStore(self.directory / "webhooks.db")
        self._listening.callback(inbox.close)
        secrets: list[str] = []
        server = WebhookServer(
            inbox, terms=ReceiverConfig(secrets), clock=self._clock, tell_received=self._received.put,
            tell_forwarded=lambda _: None, has_inspector=False,
        )  # fmt: skip
        self._listening.enter_context(server)
        hook = self.client.create_webhook(server.url, ["post.published"])
        secrets.append(str(hook["secret"]))

    def deliveries(self, count: int) -> list[Received]:
        """The next `count` deliveries, or those that came in time."""
        found: list[Received] = []
        while len(found) < count:
            try:
                found.append(self._received.get(timeout=_DELIVERY_SECONDS))
            except queue.Empty:
                break
        return found

    def advance_past(self, days: int) -> dict[str, Any]:
        """Move the emulator's clock past the calendar's first `days`; tells what was published."""
        moment = datetime.combine(self._today + timedelta(days=days + 1), time(), ZONE)
        return self.server.running.request("advance", to=format_timestamp(moment))

    def published_since(self, moment: datetime) -> list[Resource]:
        """What came out after `moment`, oldest first."""
        return self.client.published_posts(since=moment.astimezone(UTC)).items[::-1]
