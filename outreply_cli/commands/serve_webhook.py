"""`outreply serve-webhook`: receive, verify, keep, pass on."""

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhooks.shared import open_inbox, temporary_webhook, webhook_secrets
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, TimeError
from outreply_cli.times import parse_duration

if TYPE_CHECKING:
    from outreply_cli.commands.webhooks.output import DeliveryReport
    from outreply_cli.webhooks.event_stream import EventStream
    from outreply_cli.webhooks.forward import ForwardAttempt, ForwardTarget
    from outreply_cli.webhooks.receiver import Received
    from outreply_cli.webhooks.store import DeliveryStore

_PASSING = "Passing on"
_REHEARSING = "Answering otherwise, to see how the sender takes it"
_ENDING = "Ending"
# What reaches a server as it is written: no query, nothing that is escaped on the way.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")


@command(api=False)
def run(
    context: Context,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="0 takes a free one.")
    ] = 8484,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    path: Annotated[str, typer.Option(metavar="PATH", help="Where deliveries are posted.")] = "/",
    secret_env: Annotated[
        list[str] | None,
        typer.Option(metavar="V", help="A variable that holds a secret; several times while one "
                     "is rotated. OUTREPLY_WEBHOOK_SECRET by default."),
    ] = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Take what anybody sends; for a quick look.")
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="How far X-OutReply-Timestamp may be from now. "
                     "Off by default: it is not among the signed bytes, and a late retry may carry "
                     "an old one. What protects from replays is knowing what came before."),
    ] = None,
    require_timestamp: Annotated[
        bool, typer.Option("--require-timestamp", help="Refuse a delivery without one.")
    ] = False,
    events: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these, such as 'post.*'.")
    ] = None,
    emulator: Annotated[
        bool, typer.Option("--emulator", help="Register with the running emulator meanwhile.")
    ] = False,
    no_inspect: Annotated[
        bool, typer.Option("--no-inspect", help="No page at /_inspect.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the bodies.")] = False,
    forward_to: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Send the same bytes and headers there, in order, tried "
                     "again; several times.", rich_help_panel=_PASSING),
    ] = None,
    forward_duplicates: Annotated[
        bool, typer.Option("--forward-duplicates", help="Also what came before.",
                           rich_help_panel=_PASSING)
    ] = False,
    pass_status: Annotated[
        bool, typer.Option("--pass-status", help="Answer what the first URL answers.",
                           rich_help_panel=_PASSING)
    ] = False,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="URLs outside this machine and its networks.",
                           rich_help_panel=_PASSING)
    ] = False,
    exec_command: Annotated[
        str | None,
        typer.Option("--exec", metavar="CMD", help="Run it for each event, without a shell: the "
                     "body on stdin, OUTREPLY_EVENT in the environment.", rich_help_panel=_PASSING),
    ] = None,
    exec_jobs: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="How many commands at once.",
                          rich_help_panel=_PASSING)
    ] = 4,
    exec_timeout: Annotated[
        str, typer.Option(metavar="T", help="How long one may run.", rich_help_panel=_PASSING)
    ] = "60s",
    max_events: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="End after N good events.",
                                 rich_help_panel=_ENDING)
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="PATH=VALUE,…", help="End with the event that has these values, such "
                     "as event=post.published,data.post.id=ID.", rich_help_panel=_ENDING),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="T", help="End after so long; with exit code 1 where something was "
                     "waited for.", rich_help_panel=_ENDING),
    ] = None,
    respond: Annotated[
        str, typer.Option(metavar="STATUS", help="Such as 500, or 500x3,200.",
                          rich_help_panel=_REHEARSING)
    ] = "200",
    delay: Annotated[
        str | None, typer.Option(metavar="T", help="Answer so much later.",
                                 rich_help_panel=_REHEARSING)
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Close the connection without an answer.",
                           rich_help_panel=_REHEARSING)
    ] = False,
    fail_rate: Annotated[
        float, typer.Option(metavar="P", min=0, max=1, help="The share that is answered 500.",
                            rich_help_panel=_REHEARSING)
    ] = 0.0,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Makes that share the same again.",
                          rich_help_panel=_REHEARSING)
    ] = 0,
) -> None:  # fmt: skip
    """Receive webhooks: verify, keep, show and pass on each delivery.

    A delivery is on the disk before it is answered 200. See it later with: outreply webhooks
    history

    Example: outreply serve-webhook --emulator

    Example: OUTREPLY_WEBHOOK_SECRET=mine outreply serve-webhook --forward-to localhost:3000/hooks
    """
    from outreply_cli.commands.emulator.shared import PROFILE as EMULATOR_PROFILE
    from outreply_cli.commands.webhooks.output import DeliveryReport
    from outreply_cli.completion.cache import CompletionCache
    from outreply_cli.net.ssrf import reach_for
    from outreply_cli.spec.events import fits, read_patterns
    from outreply_cli.webhooks.event_stream import EventStream, StopCondition, parse_conditions
    from outreply_cli.webhooks.forward import UrlTarget
    from outreply_cli.webhooks.mock_responses import ResponseScript, parse_script
    from outreply_cli.webhooks.receiver import ReceiverConfig
    from outreply_cli.webhooks.server import WebhookServer
    from outreply_cli.webhooks.signature import Tolerance

    if not _PLAIN_PATH.fullmatch(path) or path.startswith(("/_inspect", "/healthz")):
        raise InvalidInputError(f"--path {path!r} can't be used", hint="Such as /webhooks")
    answering = ResponseScript(
        parse_script(respond), delay=_seconds(delay, "--delay") or 0.0, drops=drop,
        fail_rate=fail_rate, seed=seed,
    )  # fmt: skip
    targets: list[ForwardTarget] = [
        UrlTarget(url, reach=reach_for(allow_public=allow_public))
        for url in dict.fromkeys(forward_to or [])
    ]
    if pass_status and not targets:
        raise InvalidInputError(
            "--pass-status needs --forward-to", hint="Add the URL whose answer is passed on."
        )
    if exec_command is not None:
        targets.append(_command_target(context, exec_command, exec_jobs, exec_timeout, secret_env))
    wanted = read_patterns(events, "--events") if events else []
    conditions = parse_conditions(until) if until else None
    awaited = conditions.get("event") if conditions else None
    if awaited is not None and not fits(awaited, wanted):
        raise InvalidInputError(
            f"--until waits for {awaited}, which --events leaves out",
            hint="Leave out --events, or add it there.",
        )
    ending = StopCondition(max_events, _seconds(timeout, "--timeout"), conditions)
    secrets = webhook_secrets(context, secret_env or [], needed=not (emulator or no_verify))
    if not secrets.values and not no_verify and not emulator:
        raise InvalidInputError(
            "there is no secret to verify with",
            hint="Set OUTREPLY_WEBHOOK_SECRET to the webhook's secret; or --emulator, --no-verify.",
        )
    cache_path = context.completion_cache_path(EMULATOR_PROFILE if emulator else None)
    report = DeliveryReport(
        context.output, context.zone(), targets=len(targets), with_bodies=verbose,
        usernames=CompletionCache.load(cache_path).usernames(),
    )  # fmt: skip
    listening = EventStream(ending)
    # Until the emulator has told its secret, nothing is signed with this one.
    known = [token_hex(32)] if emulator else [] if no_verify else list(secrets.values)
    terms = ReceiverConfig(
        secrets=known,
        path=path,
        events=wanted,
        tolerance=Tolerance(tolerance, is_required=require_timestamp),
        forwards_duplicates=forward_duplicates,
        relays_status=pass_status,
    )
    with closing(open_inbox(context)) as inbox, _summed_up(context, listening, report, inbox):
        server = WebhookServer(
            inbox, terms=terms, clock=context.clock, tell_received=listening.put,
            tell_forwarded=listening.put, host=host, port=port, answering=answering,
            targets=targets, has_inspector=not no_inspect,
        )  # fmt: skip
        # Before anybody is told where it is: from then on it may be asked to end.
        with _ended_by_signals(listening), server, ExitStack() as held:
            registered = None
            if emulator:
                known[0], registered = held.enter_context(
                    temporary_webhook(context, server.url, wanted)
                )
            _announce(context, server.url, host, has_inspector=not no_inspect)
            if registered is not None:
                context.info(f"Registered with the emulator on port {registered}, until this ends.")
            for item in listening.__iter__():
                _show(context, report, item)


@contextmanager
def _summed_up(
    context: Context, listening: "EventStream", report: "DeliveryReport", inbox: "DeliveryStore"
) -> Iterator[None]:
    try:
        yield
    finally:
        # Where it could not begin, that alone is to be told.
        if listening.started:
            for item in listening.drain():
                _show(context, report, item)
            report.close()
            context.info(f"Received: {report.summary.text()}.")
            for name, count in inbox.pending_counts().items():
                context.info(f"{count} still wait for {name}; the queue is kept.")


@contextmanager
def _ended_by_signals(listening: "EventStream") -> Iterator[None]:
    before = {
        name: signal.signal(name, lambda *_: listening.close())
        for name in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _show(context: Context, report: "DeliveryReport", item: "Received | ForwardAttempt") -> None:
    from outreply_cli.webhooks.forward import ForwardAttempt

    if isinstance(item, ForwardAttempt):
        report.show_forwarded(item)
        return
    report.show_received(item)
    if item.arrival.is_verified:
        said = report.senders_view.of(item.status, item.milliseconds / 1000, item.arrival.seen + 1)
        if said is not None:
            context.info(f"  The sender: {said}")


def _announce(context: Context, url: str, host: str, *, has_inspector: bool) -> None:
    from outreply_cli.api.base_url import is_loopback

    look = (
        f"; look at {url.split('://', maxsplit=1)[0]}://{url.split('/')[2]}/_inspect"
        if has_inspector
        else ""
    )
    context.info(f"Receiving at {url}{look}. Ctrl-C ends it.")
    context.info(f"Register it: outreply webhooks create --url {url}  (or in the dashboard)")
    if is_loopback(host):
        context.info("From the internet: run a tunnel to it, and register the tunnel's address.")
    else:
        context.warn(f"{host} is reached from other machines")


def _command_target(
    context: Context, line: str, jobs: int, limit: str, secret_env: list[str] | None
) -> "ForwardTarget":
    from outreply_cli.webhooks.forward import CommandTarget

    seconds = _seconds(limit, "--exec-timeout")
    if not seconds:
        raise InvalidInputError("--exec-timeout leaves no time to run", hint="Such as 60s.")
    return CommandTarget(
        line, context.environ, at_once=jobs, seconds=seconds, hidden=secret_env or []
    )


def _seconds(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    try:
        return parse_duration(text).total_seconds()
    except TimeError as problem:
        raise InvalidInputError(f"{option}: {problem.message}", hint=problem.hint) from None
