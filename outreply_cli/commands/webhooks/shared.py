"""Options and helpers that the commands of `outreply webhooks` share."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

from outreply_cli.accounts.keyring import KeyringError
from outreply_cli.api.errors import NotFoundError
from outreply_cli.cli.options import argument, option, switch
from outreply_cli.context import Context
from outreply_cli.env import UTF8_HINT, WEBHOOK_SECRET_VARIABLE
from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.ids import expand_ids
from outreply_cli.spec.text import is_unicode

if TYPE_CHECKING:
    from outreply_cli.api.client import Client
    from outreply_cli.webhooks.store import DeliveryStore

DEFAULT_URL = "http://127.0.0.1:8484/"
DeliveriesArgument = Annotated[
    list[str] | None, argument("[ID...]", "Delivery IDs, or numbers such as 12.")
]
WebhookArgument = Annotated[str, argument("ID", "Webhook ID.")]
FileOption = Annotated[
    str, option("FILE", "Read the raw body from FILE (- for stdin).", "--file", "-F")
]
SecretOption = Annotated[
    list[str] | None,
    option(
        "NAME",
        "Read the secret from this variable (default: OUTREPLY_WEBHOOK_SECRET).",
        "--secret-env",
    ),
]
ToOption = Annotated[str, option("URL", "Send to this URL.", "--to")]
ALLOW_PUBLIC_HELP = "Allow URLs outside this machine and private networks."
PublicOption = Annotated[bool, switch(ALLOW_PUBLIC_HELP, "--allow-public")]
TeamOption = Annotated[
    bool, switch("Use the team's store (OUTREPLY_STORE_URL) instead of this machine's.", "--team")
]


class WebhookSecrets(NamedTuple):
    """Secrets, the current one first, and where each comes from, such as a variable's name."""

    values: Sequence[str]
    names: Sequence[str]


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


def resolve_webhook(client: "Client", word: str) -> str:
    """The ID of the webhook that starts with `word`; raises AmbiguousIdError."""
    (webhook_id,) = expand_ids([word], "webhook", client.webhooks)
    return webhook_id


@contextmanager
def open_store(
    context: Context, *, team: bool, allow_readonly: bool = False
) -> "Iterator[DeliveryStore]":
    """Open the deliveries received on this machine, or by all machines of a `team`.

    Raises:
        StorageError: The deliveries cannot be read or stored.
        InvalidInputError: The team has no store, or its URL is invalid.
    """
    from outreply_cli.webhooks.store import DELIVERIES_FILE, DeliveryStore

    if team:
        database = context.store.database()
        from outreply_cli.webhooks.team_store import TeamDeliveryStore

        store: DeliveryStore = TeamDeliveryStore(database, context.clock)
    else:
        store = DeliveryStore(context.state_dir / DELIVERIES_FILE, allow_readonly=allow_readonly)
    with closing(store):
        yield store


def webhook_secrets(
    context: Context, variables: Sequence[str], *, uses_keyring: bool = True
) -> WebhookSecrets:
    """The secrets in `variables`, else in OUTREPLY_WEBHOOK_SECRET, else in the keyring.

    Raises:
        InvalidInputError: A variable is not set, or its value is not valid UTF-8.
    """
    environ, names = context.environ, list(variables)
    for name in names:
        if not environ.get(name, "").strip():
            raise InvalidInputError(
                f"--secret-env {name}: this variable is not set",
                hint="Give the variable's name, not the secret itself.",
            )
    if not names and environ.get(WEBHOOK_SECRET_VARIABLE, "").strip():
        names = [WEBHOOK_SECRET_VARIABLE]
    if uses_keyring and not names:
        with suppress(KeyringError):
            secret = context.keyring().read(keyring_name(context.profile_name))
            if secret:
                return WebhookSecrets([secret], ["the keyring"])
    for name in names:
        if not is_unicode(environ[name]):
            raise InvalidInputError(f"{name} is not valid UTF-8", hint=UTF8_HINT)
    return WebhookSecrets([environ[name].strip() for name in names], names)


def keyring_name(profile: str) -> str:
    """The keyring entry of a profile's webhook secret."""
    return f"{profile}/webhook"


def require_secrets(context: Context, variables: Sequence[str] | None) -> WebhookSecrets:
    """The secrets to sign or verify with; raises InvalidInputError if none is set."""
    secrets = webhook_secrets(context, variables or [])
    if not secrets.values:
        raise InvalidInputError(
            "no webhook secret is set",
            hint="Set OUTREPLY_WEBHOOK_SECRET, or name another variable with --secret-env.",
        )
    return secrets
