"""The parts of `outreply demo`: an emulator, a calendar and a webhook receiver in this process."""

import queue
import tempfile
from contextlib import ExitStack
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client
from outreply_cli.api.transport import Transport
from outreply_cli.bulk.loader import load_calendar
from outreply_cli.bulk.remote_state import fetch_account
from outreply_cli.bulk.service import BulkOptions, BulkService, PlannedCalendar
from outreply_cli.clock import Clock
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.journal.journal import Journal
from outreply_cli.spec.token import Token
from outreply_cli.timestamps import format_timestamp
from outreply_cli.webhooks.receiver import Received, ReceiverConfig
from outreply_cli.webhooks.server import WebhookServer
from outreply_cli.webhooks.store import DELIVERIES_FILE, DeliveryStore

ZONE = ZoneInfo("Europe/Paris")
CALENDAR_NAME = "spring-launch.yaml"
_DELIVERY_TIMEOUT_SECONDS = 10.0
_TEMPLATE = Path(__file__).with_name("templates") / CALENDAR_NAME
_DAYS = 6


class Demo:
    """An emulated account in a temporary directory; use it in a `with` block."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # The easternmost zone of the calendar: every post is more than ten minutes ahead.
        self._today = clock.now().astimezone(ZoneInfo("Asia/Tokyo")).date()

    def __enter__(self) -> Self:
        """Start the emulator on a free port."""
        with ExitStack() as stack:
            directory = tempfile.TemporaryDirectory(prefix="outreply-demo-")
            self.directory = Path(stack.enter_context(directory))
            self.server = EmulatorServer(self.directory / "emulator.db", self._clock)
            stack.enter_context(self.server)
            token = Token(self.server.token)
            transport = Transport(base_url=self.server.base_url, token=token, clock=self._clock)
            stack.callback(transport.close)
            self.client = Client(transport)
            self._journal = Journal(self.directory / "journal.db")
            stack.callback(self._journal.close)
            self._received: queue.SimpleQueue[Received] = queue.SimpleQueue()
            self._exit_stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the emulator and delete its files."""
        self._exit_stack.close()

    def write_calendar(self) -> Path:
        """Write a calendar of a dozen posts on six pages in three time zones."""
        days = {f"day{days}": self._today + timedelta(days=days) for days in range(1, _DAYS + 1)}
        text = _TEMPLATE.read_text(encoding="utf-8").format_map(days)
        path = self.directory / CALENDAR_NAME
        path.write_text(text, encoding="utf-8")
        return path

    def plan(self, path: Path) -> tuple[BulkService, PlannedCalendar]:
        """Plan the calendar against the current account."""
        account = fetch_account(self.client)
        service = BulkService(self.client, self._journal, account, BulkOptions(zone=ZONE))
        calendar = load_calendar(str(path))
        calendar.file_name = CALENDAR_NAME
        return service, service.plan(service.open(calendar), reconcile=True)

    def receive_webhooks(self) -> None:
        """Start a receiver and subscribe it to published posts."""
        store = DeliveryStore(self.directory / DELIVERIES_FILE)
        self._exit_stack.callback(store.close)
        secrets: list[str] = []
        server = WebhookServer(
            store, config=ReceiverConfig(secrets), clock=self._clock,
            on_received=self._received.put, on_forwarded=lambda _: None,
        )  # fmt: skip
        self._exit_stack.enter_context(server)
        webhook = self.client.create_webhook(server.url, ["post.published"])
        secrets.append(str(webhook["secret"]))

    def deliveries(self, count: int) -> list[Received]:
        """The next `count` deliveries, or those that arrive in time."""
        deliveries: list[Received] = []
        while len(deliveries) < count:
            try:
                deliveries.append(self._received.get(timeout=_DELIVERY_TIMEOUT_SECONDS))
            except queue.Empty:
                break
        return deliveries

    def advance_past(self, days: int) -> dict[str, Any]:
        """Advance the emulator past the first `days` of the calendar; returns the counts."""
        target = datetime.combine(self._today + timedelta(days=days + 1), time(), ZONE)
        return self.server.handle.request("advance", to=format_timestamp(target))
