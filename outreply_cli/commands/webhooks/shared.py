"""Options and helpers that the commands of `outreply webhooks` share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from outreply_cli.accounts.keyring import KeyringError, KeyringStore
from outreply_cli.api.errors import NotFoundError
from outreply_cli.context import Context
from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.webhooks.secrets import WebhookSecrets, find_webhook_secrets

if TYPE_CHECKING:
    from outreply_cli.webhooks.store import DeliveryStore

DEFAULT_URL = "http://127.0.0.1:8484/"
FileOption = Annotated[
    str, typer.Option("--file", "-F", metavar="FILE", help="Read the raw body from FILE (- for "
                      "stdin).")
]  # fmt: skip
SecretOption = Annotated[
    list[str] | None,
    typer.Option("--secret-env", metavar="NAME", help="Read the secret from this variable "
                 "(default: OUTREPLY_WEBHOOK_SECRET)."),
]  # fmt: skip
ToOption = Annotated[
    str, typer.Option("--to", metavar="URL", help="Send to this URL.", show_default=True)
]
PublicOption = Annotated[
    bool,
    typer.Option("--allow-public", help="Allow URLs outside this machine and private networks."),
]


class WebhooksUnavailableError(OutReplyError):
    """The API does not manage this account's webhooks."""

    code = "WEBHOOKS_UNAVAILABLE"
    exit_code: ClassVar[ExitCode] = ExitCode.NOT_FOUND


@contextmanager
def wrap_not_found() -> Iterator[None]:
    """Raise WebhooksUnavailableError if the API has no webhooks endpoint for the account."""
    try:
        yield
    except NotFoundError:
        raise WebhooksUnavailableError(
            "this account's webhooks are managed in the dashboard",
            hint="Open Dashboard → API → Webhooks, then set OUTREPLY_WEBHOOK_SECRET.",
        ) from None


def read_bytes(context: Context, name: str) -> bytes:
    """The bytes of a file, or of stdin for `-`; raises InvalidInputError."""
    try:
        return context.stdin_bytes.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"cannot read {name}: {error.strerror or error}") from None


def open_store(context: Context) -> "DeliveryStore":
    """The deliveries received on this machine; raises StorageError."""
    from outreply_cli.webhooks.store import DeliveryStore

    return DeliveryStore(context.state_dir / "webhooks.db")


def webhook_secrets(
    context: Context, variables: Sequence[str], *, uses_keyring: bool = True
) -> WebhookSecrets:
    """The secrets to verify with; empty if none is set."""
    keyring = KeyringStore() if uses_keyring else None
    try:
        return find_webhook_secrets(context.environ, variables, keyring, context.profile_name)
    except KeyringError:
        return WebhookSecrets([], [])


def require_secrets(context: Context, variables: Sequence[str] | None) -> WebhookSecrets:
    """The secrets to sign or verify with; raises InvalidInputError if none is set."""
    secrets = webhook_secrets(context, variables or [])
    if not secrets.values:
        raise InvalidInputError(
            "no webhook secret is set",
            hint="Set OUTREPLY_WEBHOOK_SECRET, or name another variable with --secret-env.",
        )
    return secrets
