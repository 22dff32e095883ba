"""`outreply webhooks list`, `show`, `create` and `delete`: the account's subscriptions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, ClassVar

import typer

from outreply_cli.api.errors import NotFoundError
from outreply_cli.cli.options import Yes, command
from outreply_cli.commands import webhook_inbox, webhook_tools
from outreply_cli.commands.webhook_group import app
from outreply_cli.context import Session
from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.ui.output import Column

# Its commands register themselves.
__all__ = ["app", "webhook_inbox", "webhook_tools"]

_COLUMNS = [
    Column("ID", "id"),
    Column("URL", "url", flexible=True),
    Column("Events", "events", lambda it: ", ".join(map(str, it.get("events") or [])),
           flexible=True),
    Column("State", "active", lambda it: "disabled" if it.get("active") is False else "active"),
]  # fmt: skip


class InDashboardError(OutReplyError):
    """The account's webhooks can't be reached through the API."""

    code = "WEBHOOKS_IN_DASHBOARD"
    exit_code: ClassVar[ExitCode] = ExitCode.NOT_FOUND


@command(app, "list")
def webhooks_list(session: Session) -> None:
    """List the account's webhooks.

    Example: outreply webhooks list

    Example: outreply webhooks list --json
    """
    with _explained():
        found = session.client().webhooks().items
    session.output.show_list(found, _COLUMNS)


@command(app, "show")
def webhooks_show(
    session: Session,
    webhook: Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")],
) -> None:
    """Show one webhook.

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1)

    Example: outreply webhooks show $(outreply webhooks list -q | head -n 1) --json
    """
    session.output.show_one(session.client().webhook(webhook), _COLUMNS)


@command(app, "create")
def webhooks_create(
    session: Session,
    url: Annotated[str, typer.Option(metavar="URL", help="Where deliveries are sent.")],
    events: Annotated[
        str | None, typer.Option(metavar="A,B", help="Which events; all by default.")
    ] = None,
    save_secret: Annotated[
        bool, typer.Option("--save-secret", help="Keep the secret in the keyring, for "
                           "serve-webhook, and don't print it.")
    ] = False,
) -> None:  # fmt: skip
    """Subscribe a URL. Its secret is shown this once.

    Example: outreply webhooks create --url http://127.0.0.1:8484/ --events post.published

    Example: outreply webhooks create --url http://127.0.0.1:8484/hooks --json
    """
    from outreply_cli.spec.events import check_event
    from outreply_cli.spec.limits import EVENTS
    from outreply_cli.webhooks.secrets import keyring_name, webhook_keyring
    from outreply_cli.webhooks.sending import is_http_url

    if not is_http_url(url):
        raise InvalidInputError(
            f"--url: {url!r} is no http or https URL", hint="Such as https://example.com/webhooks"
        )
    names = [part.strip() for part in events.split(",")] if events else list(EVENTS)
    for name in names:
        check_event(name, "--events")
    keyring = webhook_keyring()
    place = keyring_name(session.profile_name)
    if save_secret:
        # Before the webhook is made: its secret is told only once.
        keyring.read(place)
    with _explained():
        made = session.client().create_webhook(url, names)
    shown, secret = dict(made), made.get("secret")
    if secret is None:
        session.warn("the API told no secret; see it in the dashboard")
    elif save_secret:
        try:
            keyring.write(place, str(secret))
            shown["secret"] = "(in the keyring)"  # noqa: S105 - says where it is
        except OutReplyError as problem:
            session.warn(f"{problem.message}; the secret is shown instead, this once")
    session.output.show_one(shown, [*_COLUMNS, Column("Secret", "secret")])
    if secret is not None and shown["secret"] == secret:
        session.note("Keep the secret now: it is not shown again. See: outreply serve-webhook -h")


@command(app, "delete")
def webhooks_delete(
    session: Session,
    webhook: Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")],
    yes: Yes = False,
) -> None:
    """Remove a webhook; what it still had to deliver is dropped.

    Example: outreply webhooks delete $(outreply webhooks list -q | head -n 1) --yes

    Example: outreply webhooks list -q | xargs -n 1 outreply webhooks delete --yes
    """
    session.confirm(f"Remove the webhook {webhook}?", yes=yes)
    session.client().delete_webhook(webhook)
    session.note(f"{webhook} is removed.")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except NotFoundError:
        raise InDashboardError(
            "this account manages webhooks in the dashboard",
            hint="Dashboard → API → Webhooks; then set OUTREPLY_WEBHOOK_SECRET here.",
        ) from None
