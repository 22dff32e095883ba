"""Inputs of the checks: environment, files, keyring, account and API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from outreply_cli.accounts.keyring import KeyringError, KeyringStore
from outreply_cli.accounts.profiles import CONFIG_FILE, DEFAULT_PROFILE, Profile, Profiles
from outreply_cli.accounts.resolve import (
    Account,
    resolve_account,
    resolve_base_url,
    resolve_profile,
)
from outreply_cli.api.base_url import DEFAULT_BASE_URL
from outreply_cli.api.client import Client
from outreply_cli.api.errors import ApiError
from outreply_cli.api.hints import SIGN_IN
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import RequestRecord, Transport
from outreply_cli.clock import Clock
from outreply_cli.errors import OutReplyError
from outreply_cli.spec.token import Token

# Too short for a person to answer a password prompt.
KEYRING_TIMEOUT = 1.5
# For a keyring that did not respond the first time.
_KEYRING_RETRY_TIMEOUT = 0.2
# Long enough for a slow connection; a request is not retried.
_RESPONSE_TIMEOUT = 10.0


class KeyringProbe(NamedTuple):
    """Result of one read from the keyring; `backend` is the name of its backend."""

    backend: str
    error: KeyringError | None
    latency_ms: float


class ApiProbe(NamedTuple):
    """Result of one request without a token; no transport when the base URL is invalid."""

    transport: Transport | None
    error: OutReplyError | None
    latency_ms: float = 0.0


@dataclass
class DoctorContext:
    """Inputs of the checks; expensive parts are created on first use."""

    environ: Mapping[str, str]
    config_dir: Path
    state_dir: Path
    clock: Clock
    profile_option: str | None = None
    on_request: Callable[[RequestRecord], None] | None = None
    _clients: list[Client] = field(default_factory=list)

    @cached_property
    def profile(self) -> Profile | None:
        """The active profile; None if no valid one is stored."""
        try:
            profiles = Profiles.load(self.config_dir / CONFIG_FILE)
            return resolve_profile(profiles, self.profile_option, self.environ)
        except OutReplyError:
            return None

    @cached_property
    def keyring(self) -> KeyringProbe:
        """A read of the active profile's token from the keyring."""
        started_at = self.clock.monotonic()
        backend, error = "", None
        try:
            name = self.profile.name if self.profile else DEFAULT_PROFILE
            backend = KeyringStore(KEYRING_TIMEOUT).probe(name)
        except KeyringError as keyring_error:
            error = keyring_error
        return KeyringProbe(backend, error, (self.clock.monotonic() - started_at) * 1000)

    @cached_property
    def account(self) -> Account | OutReplyError:
        """The account that commands use, or the error that prevents it."""
        timeout = _KEYRING_RETRY_TIMEOUT if self.keyring.error else KEYRING_TIMEOUT
        try:
            return resolve_account(
                self.config_dir, self.environ, self.profile_option, KeyringStore(timeout)
            )
        except OutReplyError as error:
            return error

    @cached_property
    def api(self) -> ApiProbe:
        """A request to the API without a token."""
        try:
            client = self.open_client()
        except OutReplyError as error:
            return ApiProbe(None, error)
        started_at, failure = self.clock.monotonic(), None
        try:
            client.error_catalog()
        except OutReplyError as error:
            # A rejected request still shows that the API is available.
            is_rejected = isinstance(error, ApiError) and error.status < 500
            failure = None if is_rejected else error
        return ApiProbe(client.transport, failure, (self.clock.monotonic() - started_at) * 1000)

    @property
    def secrets(self) -> list[str]:
        """The token of the account, if there is one."""
        account = self.account
        return [account.credential.token.reveal()] if isinstance(account, Account) else []

    def open_client(self, token: Token | None = None, sign_in_hint: str = SIGN_IN) -> Client:
        """Return a client that does not retry; raises InvalidInputError for a bad base URL.

        `sign_in_hint` is the command or variable that replaces the token, for hints.
        """
        base_url = resolve_base_url(self.profile, self.profile_option, self.environ)
        client = Client(
            Transport(
                base_url=base_url or DEFAULT_BASE_URL,
                token=token,
                clock=self.clock,
                retry_policy=RetryPolicy(max_wait=0, max_failures=1, max_rate_limited=1),
                on_request=self.on_request,
                timeout=_RESPONSE_TIMEOUT,
                sign_in_hint=sign_in_hint,
            )
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close the connections to the API."""
        for client in self._clients:
            client.transport.close()
