"""Webhook secrets from environment variables or the keyring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outreply_cli.accounts.credentials import SecretStore
from outreply_cli.env import WEBHOOK_SECRET_VARIABLE
from outreply_cli.errors import InvalidInputError


@dataclass(frozen=True)
class WebhookSecrets:
    """Secrets and their names.

    Attributes:
        values: The secrets, the current one first.
        names: Where each comes from, such as a variable's name.
    """

    values: Sequence[str]
    names: Sequence[str]


def find_webhook_secrets(
    environ: Mapping[str, str], variables: Sequence[str], keyring: SecretStore | None, profile: str
) -> WebhookSecrets:
    """The secrets in `variables`, else in OUTREPLY_WEBHOOK_SECRET, else in the keyring.

    Args:
        environ: The environment.
        variables: Variables given with `--secret-env`.
        keyring: The keyring; None to skip it.
        profile: The profile whose secret the keyring holds.

    Raises:
        InvalidInputError: A variable is not set.
        StorageError: The keyring cannot be used.
    """
    for name in variables:
        if not environ.get(name, "").strip():
            raise InvalidInputError(
                f"--secret-env {name}: this variable is not set",
                hint="Give the variable's name, not the secret itself.",
            )
    names = list(variables)
    if not names and environ.get(WEBHOOK_SECRET_VARIABLE, "").strip():
        names = [WEBHOOK_SECRET_VARIABLE]
    if names:
        return WebhookSecrets([environ[name].strip() for name in names], names)
    secret = keyring.read(keyring_name(profile)) if keyring is not None else None
    return WebhookSecrets([secret], ["the keyring"]) if secret else WebhookSecrets([], [])


def keyring_name(profile: str) -> str:
    """The keyring entry of a profile's webhook secret."""
    return f"{profile}/webhook"
