"""Options and helpers that the commands of `outreply webhooks` share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from outreply_cli.api.errors import NotFoundError
from outreply_cli.context import Context
from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError, PartialFailureError
from outreply_cli.ui.output import Column
from outreply_cli.webhooks.secrets import WebhookSecrets, find_webhook_secrets

if TYPE_CHECKING:
    from outreply_cli.net.deliver import DeliveryResult
    from outreply_cli.webhooks.store import DeliveryStore

COLUMNS = [
    Column("ID", "id"),
    Column("URL", "url", shrinkable=True),
    Column("Events", "events", lambda it: ", ".join(map(str, it.get("events") or [])),
           shrinkable=True),
    Column("State", "active", lambda it: "disabled" if it.get("active") is False else "active"),
]  # fmt: skip


class WebhooksUnavailableError(OutReplyError):
    """The account's webhooks can't be reached through the API."""

    code = "WEBHOOKS_IN_DASHBOARD"
    exit_code: ClassVar[ExitCode] = ExitCode.NOT_FOUND


@contextmanager
def explained() -> Iterator[None]:
    try:
        yield
    except NotFoundError:
        raise WebhooksUnavailableError(
            "this account manages webhooks in the dashboard",
            hint="Dashboard → API → Webhooks; then set OUTREPLY_WEBHOOK_SECRET here.",
        ) from None


FileOption = Annotated[
    str, typer.Option("--file", "-F", metavar="FILE", help="The raw body; - is stdin.")
]


def read_raw(context: Context, name: str) -> bytes:
    # A signature is over bytes, not text.
    try:
        return context.stdin_bytes.read() if name == "-" else Path(name).read_bytes()
    except OSError as failure:
        raise InvalidInputError(f"{name}: {failure.strerror or failure}") from None


SecretOption = Annotated[
    list[str] | None,
    typer.Option("--secret-env", metavar="V", help="A variable that holds the secret; "
                 "OUTREPLY_WEBHOOK_SECRET by default."),
]  # fmt: skip
ToOption = Annotated[
    str, typer.Option("--to", metavar="URL", help="Where to send it.", show_default=True)
]
PublicOption = Annotated[
    bool, typer.Option("--allow-public", help="URLs outside this machine and its networks.")
]
OWN_URL = "http://127.0.0.1:8484/"


def open_inbox(context: Context) -> "DeliveryStore":
    """The deliveries that were received on this machine; raises StorageError."""
    from outreply_cli.webhooks.store import DeliveryStore

    return DeliveryStore(context.state_dir / "webhooks.db")


def webhook_secrets(
    context: Context, variables: Sequence[str], *, needed: bool = True
) -> WebhookSecrets:
    """The secrets to verify with; the keyring is asked only where one is needed."""
    from outreply_cli.accounts.keyring import KeyringStore

    profile = context.profile_name
    try:
        return find_webhook_secrets(
            context.environ, variables, KeyringStore() if needed else None, profile
        )
    except OutReplyError as problem:
        if problem.code != "KEYRING_UNAVAILABLE":
            raise
        return WebhookSecrets([], [])


def require_secret(context: Context, variables: Sequence[str] | None) -> str:
    """The secret to sign with; raises InvalidInputError where there is none."""
    found = webhook_secrets(context, variables or [])
    if not found.values:
        raise InvalidInputError(
            "there is no secret to sign with",
            hint="Set OUTREPLY_WEBHOOK_SECRET, or name another variable with --secret-env.",
        )
    return found.values[0]


@contextmanager
def temporary_webhook(
    context: Context, url: str, events: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """The secret of a webhook that the running emulator has while the block runs; and its port.

    Raises:
        EmulatorError: No emulator is running.
    """
    from outreply_cli.commands.emulator.shared import running_emulator, state_directory
    from outreply_cli.spec.events import fits
    from outreply_cli.spec.limits import EVENTS
    from outreply_cli.spec.token import Token

    running = running_emulator(state_directory(context, None))
    token = Token(str(running.request("status")["tokens"][0]["token"]))
    client = context.client_for(token, running.base_url)
    address = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    for left in client.webhooks().items:
        # One that a killed run left behind.
        if left.get("url") == address:
            client.delete_webhook(str(left["id"]))
    hook = client.create_webhook(address, [name for name in EVENTS if fits(name, events)])
    try:
        yield str(hook["secret"]), running.port
    finally:
        with suppress(OutReplyError):
            client.delete_webhook(str(hook["id"]))


def delivery_to_dict(
    identity: str, event: str, url: str, outcome: "DeliveryResult", **names: Any
) -> dict[str, Any]:
    """What was sent and how it was taken, as scripts read it; `names` are more beside its id."""
    return {
        "id": identity,
        **names,
        "event": event,
        "to": url,
        "status": outcome.status,
        "error": outcome.error,
        "latency_ms": round(outcome.milliseconds, 3),
        "taken": outcome.is_accepted,
    }


def show_deliveries(context: Context, items: list[dict[str, Any]]) -> None:
    """Show what was sent, and how it was taken.

    Raises:
        UnreachableError: Nobody answered at all.
        PartialFailureError: Some were not taken.
    """
    from outreply_cli.net.deliver import UnreachableError
    from outreply_cli.ui.output import Column

    context.output.print_list(
        items,
        [
            Column("Id", "id", shrinkable=True), Column("Event", "event"), Column("To", "to"),
            Column("Answer", "status", lambda it: str(it["error"] or it["status"])),
            Column("Took", "latency_ms", lambda it: f"{it['latency_ms']:.0f} ms"),
        ],
    )  # fmt: skip
    if items and all(item["status"] is None for item in items):
        raise UnreachableError(
            f"no answer came from {items[0]['to']}: {items[0]['error']}",
            hint="Start the handler there, or name another with --to.",
        )
    missed = sum(not item["taken"] for item in items)
    if missed:
        raise PartialFailureError(
            f"{missed} of {len(items)} were not taken", hint="See the answers above."
        )
