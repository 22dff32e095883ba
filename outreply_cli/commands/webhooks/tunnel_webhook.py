"""The tunnel of `outreply serve-webhook`, and the webhook that sends deliveries through it."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from outreply_cli.accounts.resolve import resolve_account
from outreply_cli.api.errors import NotFoundError
from outreply_cli.commands.webhooks.shared import wrap_not_found
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.subprocesses import identify_process, stop_process_group, strip_secrets
from outreply_cli.webhooks.tunnel import STOP_SECONDS, Tunnel, find_tool
from outreply_cli.webhooks.tunnel_record import (
    TunnelRecord,
    claim_leftovers,
    new_record_file,
    save_record,
)

if TYPE_CHECKING:
    from outreply_cli.accounts.resolve import Account
    from outreply_cli.api.client import Client

_MAX_WAIT_SECONDS = 10.0
# Host names in this domain are random and never reused.
_RANDOM_HOSTS_DOMAIN = ".trycloudflare.com"


class TunnelWebhook:
    """A tunnel to the receiver, and the webhook that sends deliveries through it.

    Args:
        context: Context of the command.
        name: Name of the tool.
        events: Events of the webhook.
        has_secret: Whether the user has set a webhook secret.
        secret_variables: Further variables with secrets, which the tool must not get.

    Raises:
        InvalidInputError: The tool is not installed, or the account's webhooks are managed in the
            dashboard and no secret is set. Nothing was started.
        OutReplyError: The account cannot be used.
    """

    def __init__(
        self,
        context: Context,
        name: str,
        events: Sequence[str],
        *,
        has_secret: bool,
        secret_variables: Collection[str],
    ) -> None:
        self._context, self._events = context, events
        self._tool, self._path = find_tool(name, context.environ)
        self._environ = strip_secrets(context.environ, secret_variables)
        self._is_stopped: Callable[[], bool] = lambda: False
        self._cleanup_deadline: float | None = None
        self._url = ""
        account = context.account
        self._client = self._new_client(account)
        is_stored = account.credential.source != "environment"
        self._record = TunnelRecord(
            name,
            self._client.transport.base_url,
            account.profile.name if account.profile is not None and is_stored else None,
            self._client.transport.token_digest,
        )
        self._is_managed = self._can_manage_webhooks()
        if not self._is_managed and not has_secret:
            raise InvalidInputError(
                "this account's webhooks are managed in the dashboard, and no webhook secret is "
                "set",
                hint="Open Dashboard → API → Webhooks, then set OUTREPLY_WEBHOOK_SECRET.",
            )
        if account.credential.token.is_sandbox:
            context.warn("requests with a sandbox token do not trigger webhooks")

    @contextmanager
    def open(self, url: str, secrets: list[str], is_stopped: Callable[[], bool]) -> Iterator[str]:
        """Open the tunnel to `url` and create the webhook; yields a line that announces both.

        The webhook's secret replaces the first item of `secrets`, which the receiver reads.
        Leftovers of killed runs are removed first; the tunnel and the webhook are removed at the
        end.

        Raises:
            TunnelError: The tool does not open a tunnel.
            InterruptedRunError: `is_stopped` returned true before the tunnel was open.
            StorageError: The state directory cannot be used.
            OutReplyError: The webhook cannot be created.
        """
        self._is_stopped, self._secrets = is_stopped, secrets
        for file, left in claim_leftovers(self._context.state_dir):
            self._remove_leftover(file, left)
        parts = urlsplit(url)
        with new_record_file(self._context.state_dir) as self._record_file:
            tunnel = Tunnel(
                self._tool, self._path, f"{parts.scheme}://{parts.netloc}", self._environ,
                on_start=self._record_process,
                on_url=lambda address: self._update(address + parts.path),
                on_warning=self._context.warn,
            )  # fmt: skip
            try:
                public_url = tunnel.start(is_stopped) + parts.path
                done = self._connect(public_url)
                tunnel.watch()
                yield f"Public URL: {public_url} ({self._tool.name}). {done}"
            finally:
                self._close(tunnel)

    def _close(self, tunnel: Tunnel) -> None:
        self._is_stopped = lambda: True
        tunnel.stop_watching()
        self._cleanup_deadline = time.monotonic() + _MAX_WAIT_SECONDS
        try:
            self._remove_webhooks(self._record, self._client)
        finally:
            tunnel.close()
            self._record.pid = self._record.process_identity = None
            save_record(self._record_file, self._record)

    def _record_process(self, pid: int) -> None:
        self._record.pid, self._record.process_identity = pid, identify_process(pid)
        save_record(self._record_file, self._record)

    def _update(self, url: str) -> None:
        """Replace the webhook if the public URL has changed; called by the tunnel's thread."""
        if url == self._url:
            self._context.info(f"The tunnel is open again at {url}.")
        else:
            self._context.info(f"The tunnel has a new public URL: {url}. {self._connect(url)}")

    def _connect(self, url: str) -> str:
        """Create a webhook for the public URL and delete older ones; returns what was done."""
        if not self._is_managed:
            self._url = url
            return (
                "Register this URL in the dashboard: this account's webhooks cannot be managed "
                "through the API."
            )
        self._resolve_pending(self._record, self._client)
        older = list(self._record.webhook_ids)
        for other in _find_webhooks(self._client, url):
            if other not in older:
                self._context.warn(
                    f"webhook {other} sends to the same URL; its deliveries are rejected unless "
                    "OUTREPLY_WEBHOOK_SECRET is its secret"
                )
        self._record.pending_url = url
        save_record(self._record_file, self._record)
        with wrap_not_found():
            hook = self._client.create_webhook(url, self._events)
        webhook_id = str(hook["id"])
        self._record.webhook_ids.append(webhook_id)
        self._record.pending_url = None
        save_record(self._record_file, self._record)
        if not hook.get("secret"):
            raise OutReplyError(
                f"the API returned no secret for webhook {webhook_id}",
                hint="The webhook will be deleted. Run the command again.",
            )
        self._url, self._secrets[0] = url, str(hook["secret"])
        for old_id in older:
            self._delete(self._record, self._client, old_id)
        save_record(self._record_file, self._record)
        return f"Registered as webhook {webhook_id} until this command exits."

    def _remove_leftover(self, file: Path, left: TunnelRecord) -> None:
        removed = []
        if left.pid is not None:
            process = f"{left.tool} (process {left.pid})"
            if left.process_identity is None:
                self._context.warn(
                    f"{process} of an earlier run may still be running; if so, stop it"
                )
            elif identify_process(left.pid) == left.process_identity:
                if stop_process_group(left.pid, left.process_identity, timeout=STOP_SECONDS):
                    removed.append(process)
                else:
                    self._context.warn(f"{process} of an earlier run could not be stopped; kill it")
        left.pid = left.process_identity = None
        has_webhooks = bool(left.webhook_ids or left.pending_url)
        client = self._client_for(left) if has_webhooks else self._client
        if client is not None:
            deleted = self._remove_webhooks(left, client)
            removed += [f"webhook {webhook_id}" for webhook_id in deleted]
        else:
            names = ", ".join(left.webhook_ids) or f"a webhook for {left.pending_url}"
            self._context.warn(
                f"{names} at {left.base_url} may be left over from an earlier run, whose token is "
                f"not available; delete it with that account, then delete {file}"
            )
        if removed:
            self._context.info(f"Removed leftovers of an earlier run: {', '.join(removed)}.")
        save_record(file, left)

    def _client_for(self, left: TunnelRecord) -> "Client | None":
        """A client for the account that has a killed run's webhooks, if its token is available."""
        current = self._record
        if (left.base_url, left.token_digest) == (current.base_url, current.token_digest):
            return self._client
        if left.profile is None:
            return None
        context = self._context
        with suppress(OutReplyError):
            client = self._new_client(
                resolve_account(
                    context.config_dir, context.environ, left.profile, context.keyring()
                )
            )
            if client.transport.base_url == left.base_url:
                return client
        return None

    def _remove_webhooks(self, record: TunnelRecord, client: "Client") -> list[str]:
        """Delete the webhooks of a run; returns the deleted IDs. Problems are printed."""
        self._resolve_pending(record, client)
        return [name for name in list(record.webhook_ids) if self._delete(record, client, name)]

    def _resolve_pending(self, record: TunnelRecord, client: "Client") -> None:
        """Find a webhook whose creation was interrupted, if it certainly belongs to that run."""
        url = record.pending_url
        if url is None:
            return
        try:
            found = _find_webhooks(client, url)
        except OutReplyError as error:
            self._context.warn(f"a webhook for {url} may be left over: {error.message}")
            return
        record.pending_url = None
        if str(urlsplit(url).hostname).endswith(_RANDOM_HOSTS_DOMAIN):
            record.webhook_ids += found
        elif found:
            self._context.warn(
                f"webhook {', '.join(found)} for {url} may be left over; if you do not need it, "
                f"run: outreply webhooks delete {found[0]}"
            )

    def _delete(self, record: TunnelRecord, client: "Client", webhook_id: str) -> bool:
        try:
            with suppress(NotFoundError):
                client.delete_webhook(webhook_id)
        except OutReplyError as error:
            self._context.warn(
                f"webhook {webhook_id} was not deleted: {error.message}; the next serve-webhook "
                "--tunnel will delete it"
            )
            return False
        record.webhook_ids.remove(webhook_id)
        return True

    def _can_manage_webhooks(self) -> bool:
        try:
            self._client.webhooks()
        except NotFoundError:
            return False
        return True

    def _new_client(self, account: "Account") -> "Client":
        return self._context.client_for(
            account.credential.token, account.base_url, max_wait=_MAX_WAIT_SECONDS,
            is_stopped=self._is_request_stopped,
            sign_in_hint=account.sign_in_hint(self._context.profiles.current),
        )  # fmt: skip

    def _is_request_stopped(self) -> bool:
        if self._cleanup_deadline is not None:
            return time.monotonic() > self._cleanup_deadline
        return self._is_stopped()


def _find_webhooks(client: "Client", url: str) -> list[str]:
    return [str(hook["id"]) for hook in client.webhooks().items if hook.get("url") == url]
