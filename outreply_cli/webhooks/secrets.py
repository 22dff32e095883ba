"""Where webhook secrets come from: variables that are named, or the keyring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outreply_cli.accounts.credentials import SecretStore
from outreply_cli.accounts.keyring import KeyringStore
from outreply_cli.env import WEBHOOK_SECRET_VARIABLE
from outreply_cli.errors import InvalidInputError


@dataclass(frozen=True)
class WebhookSecrets:
    """Secrets, and what people call each.

    Attributes:
        values: The present one first.
        names: Such as the variable that held it.
    """

    values: Sequence[str]
    names: Sequence[str]


def find_webhook_secrets(
    environ: Mapping[str, str], variables: Sequence[str], keyring: SecretStore | None, profile: str
) -> WebhookSecrets:
    """The secrets to verify with: the named variables', else the usual one's, else the keyring's.

    Args:
        environ: The environment.
        variables: What `--secret-env` named; one that is empty is a mistake.
        keyring: Asked when nothing else is there; None for never.
        profile: Whose secret the keyring keeps.

    Raises:
        InvalidInputError: A named variable is not set.
        StorageError: The keyring is needed and can't be used.
    """
    for name in variables:
        if not environ.get(name, "").strip():
            raise InvalidInputError(
                f"--secret-env {name}: that variable is not set",
                hint="It takes the variable's name, not the secret itself.",
            )
    usual = WEBHOOK_SECRET_VARIABLE
    found = list(variables) or [usual] * bool(environ.get(usual, "").strip())
    if found:
        return WebhookSecrets([environ[name].strip() for name in found], found)
    kept = keyring.read(keyring_name(profile)) if keyring is not None else None
    return WebhookSecrets([kept], ["the keyring"]) if kept else WebhookSecrets([], [])


def webhook_keyring() -> KeyringStore:
    """The keyring, with what to do about a webhook's secret where there is none."""
    return KeyringStore(
        hint="Leave out --save-secret: the secret is shown once, for OUTREPLY_WEBHOOK_SECRET."
    )


def keyring_name(profile: str) -> str:
    """What the keyring calls the webhook secret of a profile."""
    return f"{profile}/webhook"
