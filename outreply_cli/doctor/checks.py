"""Every check, in the order in which one leads to the next."""

from collections.abc import Callable, Iterator

from outreply_cli.accounts.resolve import resolve_base_url
from outreply_cli.api.base_url import DEFAULT_BASE_URL
from outreply_cli.api.client import Client
from outreply_cli.api.retry import RetryPolicy
from outreply_cli.api.transport import RequestRecord, Transport
from outreply_cli.clock import Clock
from outreply_cli.doctor.auth import check_token, find_account
from outreply_cli.doctor.environment import check_environment
from outreply_cli.doctor.network import check_network
from outreply_cli.doctor.result import CheckResult, CheckStatus, DoctorContext, failure, skipped
from outreply_cli.doctor.system import check_system
from outreply_cli.env import SECRET_VARIABLES
from outreply_cli.errors import OutReplyError
from outreply_cli.spec.token import Token

# Long enough for a slow line, and no waiting after that: a person looks on.
_ANSWER_SECONDS = 10.0


class Doctor:
    """Looks at one machine and account, and changes nothing.

    Args:
        patient: What is looked at.
        clock: Time.
        on_exchange: Called after each request.
    """

    def __init__(
        self,
        patient: DoctorContext,
        clock: Clock,
        on_exchange: Callable[[RequestRecord], None] | None = None,
    ) -> None:
        self._patient = patient
        self._clock = clock
        self._on_exchange = on_exchange

    def run(self) -> list[CheckResult]:
        """What every check found; no secret is in it."""
        secrets = [self._patient.environ.get(name, "").strip() for name in SECRET_VARIABLES]
        of_keyring, account = find_account(self._patient, self._clock)
        if account is not None:
            secrets.append(account.credential.token.reveal())
        found = [
            *check_system(self._patient),
            *check_environment(self._patient),
            of_keyring[0],
        ]
        connection = list(self._connection())
        found += connection
        if account is None:
            found += of_keyring[1:]
        else:
            answers = any(one.check == "api" and one.status == CheckStatus.OK for one in connection)
            base_url = account.base_url or DEFAULT_BASE_URL
            client = self._client(account.credential.token, base_url) if answers else None
            try:
                found += check_token(account, client, self._clock.now())
            finally:
                if client is not None:
                    client.transport.close()
        if not any(one.check == "scopes" for one in found):
            found.append(skipped("scopes", "only a token that works tells"))
        shown = [secret for secret in secrets if secret]
        return [finding.without(shown) for finding in found]

    def _connection(self) -> Iterator[CheckResult]:
        patient = self._patient
        base_url = resolve_base_url(patient.profile, patient.flag, patient.environ)
        try:
            client = self._client(None, base_url or DEFAULT_BASE_URL)
        except OutReplyError as problem:
            yield failure("api", problem.message, problem.hint or "Set OUTREPLY_BASE_URL.")
            return
        try:
            yield from check_network(client, self._clock, self._patient.environ)
        finally:
            client.transport.close()

    def _client(self, token: Token | None, base_url: str) -> Client:
        return Client(
            Transport(
                base_url=base_url,
                token=token,
                clock=self._clock,
                patience=RetryPolicy(max_wait=0, failures=1, refusals=1),
                on_exchange=self._on_exchange,
                answer_seconds=_ANSWER_SECONDS,
            )
        )
