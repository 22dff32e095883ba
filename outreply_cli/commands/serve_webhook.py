"""`outreply serve-webhook`."""

import re
import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated

from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.interrupts import handle_interrupts
from outreply_cli.commands.webhooks.shared import (
    ALLOW_PUBLIC_HELP,
    TeamOption,
    open_store,
    webhook_secrets,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.spec.events import matches, parse_patterns
from outreply_cli.spec.limits import EVENTS
from outreply_cli.times import parse_duration

if TYPE_CHECKING:
    from outreply_cli.commands.webhooks.output import DeliveryReport
    from outreply_cli.net.ssrf import Reach
    from outreply_cli.webhooks.conditions import Conditions
    from outreply_cli.webhooks.event_stream import EventStream
    from outreply_cli.webhooks.forward import ForwardReport, ForwardTarget
    from outreply_cli.webhooks.receiver import Received
    from outreply_cli.webhooks.server import WebhookServer
    from outreply_cli.webhooks.store import DeliveryStore

_forward_option = partial(option, rich_help_panel="Forwarding")
_forward_switch = partial(switch, rich_help_panel="Forwarding")
_stop_option = partial(option, rich_help_panel="Stop conditions")
_simulation_option = partial(option, rich_help_panel="Simulated responses")
_simulation_switch = partial(switch, rich_help_panel="Simulated responses")
# A delivery rejected this many times may never be accepted: the command that skips it is shown.
_BLOCKING_ATTEMPTS = 3
_GIVEN_UP_SHOWN = 10
_RESERVED_PATHS = ("/_inspect", "/healthz", "/metrics")
# Paths that servers see as typed: no query and nothing that clients escape.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")


@command(api=False, streams=True)
def run(
    context: Context,
    port: Annotated[
        int, option("PORT", "Port to listen on (0 picks a free port).", min=0, max=65535)
    ] = 8484,
    host: Annotated[
        str, option("ADDRESS", "Address or name to bind to (* for all).")
    ] = "127.0.0.1",
    path: Annotated[str, option("PATH", "Path that deliveries are posted to.")] = "/",
    secret_env: Annotated[
        list[str] | None,
        option(
            "NAME",
            "Read a secret from this variable (repeatable, for secret rotation; default: "
            "OUTREPLY_WEBHOOK_SECRET).",
        ),
    ] = None,
    no_verify: Annotated[bool, switch("Accept unsigned deliveries (for testing only).")] = False,
    tolerance: Annotated[
        float | None,
        option(
            "SECONDS",
            "Reject deliveries whose X-OutReply-Timestamp differs from the current time by more "
            "than this (default: off; timestamps are not signed, and late retries may have old "
            "ones).",
            min=0,
        ),
    ] = None,
    require_timestamp: Annotated[bool, switch("Reject deliveries without a timestamp.")] = False,
    events: Annotated[
        str | None, option("EVENT,...", "Show and forward only these events, such as 'post.*'.")
    ] = None,
    filter_text: Annotated[
        str | None,
        option(
            "CONDITIONS",
            "Show and forward only events that match, such as data.post.platform=instagram.",
            "--filter",
        ),
    ] = None,
    emulator: Annotated[
        bool, switch("Register with the running emulator until this command exits.")
    ] = False,
    tunnel: Annotated[
        str | None,
        option(
            "TOOL",
            "Open a tunnel from the internet with cloudflared, ngrok or tailscale, and register "
            "its URL until this command exits.",
        ),
    ] = None,
    no_inspect: Annotated[bool, switch("Disable the web page at /_inspect.")] = False,
    team: TeamOption = False,
    verbose: Annotated[
        bool, switch("Show bodies and the responses from targets.", "--verbose", "-v")
    ] = False,
    forward_to: Annotated[
        list[str] | None,
        _forward_option(
            "URL",
            "Forward deliveries to this URL, unchanged and in order, retrying until it accepts "
            "them (repeatable; 'URL CONDITIONS' forwards only matching events).",
        ),
    ] = None,
    unordered: Annotated[
        bool,
        _forward_switch("Forward later deliveries without waiting for one that a target rejects."),
    ] = False,
    forward_duplicates: Annotated[
        bool, _forward_switch("Forward repeated deliveries too.")
    ] = False,
    relay_status: Annotated[
        bool, _forward_switch("Respond with the first target's status.")
    ] = False,
    allow_public: Annotated[bool, _forward_switch(ALLOW_PUBLIC_HELP)] = False,
    exec_command: Annotated[
        str | None,
        _forward_option(
            "CMD",
            "Run a command for each event, without a shell: body on stdin, event name in "
            "OUTREPLY_EVENT.",
            "--exec",
        ),
    ] = None,
    exec_concurrency: Annotated[
        int, _forward_option("COUNT", "Run at most COUNT commands simultaneously.", min=1, max=64)
    ] = 4,
    exec_timeout: Annotated[
        str, _forward_option("DURATION", "Kill a command that runs longer than this.")
    ] = "60s",
    max_events: Annotated[
        int | None, _stop_option("COUNT", "Stop after COUNT different events.", min=1)
    ] = None,
    until: Annotated[
        str | None,
        _stop_option(
            "CONDITIONS",
            "Stop at the first event that matches, such as event=post.published,data.post.id=ID.",
        ),
    ] = None,
    timeout: Annotated[
        str | None,
        _stop_option(
            "DURATION",
            "Stop after this long; exit with 124 if --until or --max-events was not met.",
        ),
    ] = None,
    respond: Annotated[
        str, _simulation_option("STATUS", "Respond with these statuses, such as 500 or 500x3,200.")
    ] = "200",
    delay: Annotated[str | None, _simulation_option("DURATION", "Delay each response.")] = None,
    drop: Annotated[bool, _simulation_switch("Close connections without a response.")] = False,
    fail_rate: Annotated[
        float,
        _simulation_option(
            "RATE", "Respond with 500 to this fraction of deliveries, from 0 to 1.", min=0, max=1
        ),
    ] = 0.0,
    seed: Annotated[int, _simulation_option("NUMBER", "Random seed for reproducible results.")] = 0,
) -> None:
    """Receive webhooks locally and forward them.

    Each delivery is verified and stored before the 200 response. Show stored deliveries with:
    outreply webhooks history

    CONDITIONS are PATH=VALUE or PATH!=VALUE, separated by commas; an event must meet all of them.
    In a value, * matches any characters.

    Example: outreply serve-webhook --emulator

    Example: OUTREPLY_WEBHOOK_SECRET=mine outreply serve-webhook --forward-to localhost:3000/hooks

    Example: outreply serve-webhook --tunnel cloudflared --forward-to localhost:3000/hooks
    """
    from outreply_cli.commands.webhooks.output import DeliveryReport
    from outreply_cli.completion.cache import CompletionCache
    from outreply_cli.net.ssrf import reach_from_option
    from outreply_cli.webhooks.conditions import parse_conditions
    from outreply_cli.webhooks.event_stream import EventStream
    from outreply_cli.webhooks.forward import CommandTarget
    from outreply_cli.webhooks.inspector import InspectorSettings
    from outreply_cli.webhooks.mock_responses import ResponseScript, parse_script
    from outreply_cli.webhooks.receiver import ReceiverConfig
    from outreply_cli.webhooks.server import WebhookServer
    from outreply_cli.webhooks.signature import Tolerance

    if not _PLAIN_PATH.fullmatch(path) or path.startswith(_RESERVED_PATHS):
        raise InvalidInputError(f"--path: invalid path {path!r}", hint="Use a path such as /hooks.")
    script = ResponseScript(
        parse_script(respond), delay=_parse_seconds(delay) or 0.0, drops=drop,
        fail_rate=fail_rate, seed=seed,
    )  # fmt: skip
    reach = reach_from_option(allow_public=allow_public)
    targets = _url_targets(forward_to or [], reach, is_ordered=not unordered)
    _check_forward_loop([target.name for target in targets], host, port)
    if relay_status and not targets:
        raise InvalidInputError(
            "--relay-status requires --forward-to", hint="Add --forward-to URL."
        )
    if exec_command is not None:
        seconds = _parse_seconds(exec_timeout)
        if not seconds:
            raise InvalidInputError(
                "--exec-timeout is too short", hint="Use a duration such as 60s."
            )
        targets.append(CommandTarget(
            exec_command, context.environ, concurrency=exec_concurrency, timeout=seconds,
            secret_variables=secret_env or [],
        ))  # fmt: skip
    patterns = parse_patterns(events, "--events") if events else []
    names = [name for name in EVENTS if matches(name, patterns)]
    filters = parse_conditions(filter_text, "--filter") if filter_text is not None else ()
    awaited = parse_conditions(until, "--until") if until is not None else None
    _check_awaited(awaited or (), patterns)
    stream = EventStream(max_events=max_events, timeout=_parse_seconds(timeout), until=awaited)
    accepted, secret_names = _accepted_secrets(
        context, secret_env or [], emulator=emulator, no_verify=no_verify,
        has_tunnel=tunnel is not None,
    )  # fmt: skip
    cache = CompletionCache.load(context.completion_cache_path("emulator" if emulator else None))
    report = DeliveryReport(
        context.output, context.zone(), show_bodies=verbose, usernames=cache.usernames()
    )
    tunnel_webhook = None
    if tunnel is not None:
        from outreply_cli.commands.webhooks.tunnel_webhook import TunnelWebhook

        tunnel_webhook = TunnelWebhook(
            context, tunnel, names, has_secret=len(accepted) > 1, secret_variables=secret_env or []
        )
    config = ReceiverConfig(
        secrets=accepted, path=path, events=patterns, conditions=filters,
        tolerance=Tolerance(tolerance, is_required=require_timestamp),
        forwards_duplicates=forward_duplicates, relays_status=relay_status,
    )  # fmt: skip
    with open_store(context, team=team) as store, _summary(context, stream, report, store):
        server = WebhookServer(
            store, config=config, clock=context.clock, on_received=stream.put,
            on_forwarded=stream.put, on_waiting=partial(_report_waiting, context), host=host,
            port=port, script=script, targets=targets,
            inspector=None if no_inspect else InspectorSettings(
                zone=context.zone(), secret_names=secret_names, reach=reach,
            ),
        )  # fmt: skip
        # Signals are handled before the URL is announced.
        with (
            handle_interrupts(partial(_stop, stream, server), signal.SIGTERM),
            server,
            ExitStack() as stack,
        ):
            emulator_port = None
            if emulator:
                accepted[0], emulator_port = stack.enter_context(
                    _emulator_webhook(context, server.url, names)
                )
            tunnel_note = stack.enter_context(
                tunnel_webhook.open(server.url, accepted, lambda: stream.is_closed)
                if tunnel_webhook is not None
                else nullcontext()
            )
            _announce(
                context, server, emulator_port, secret_names if accepted else None,
                tunnel_note,
            )  # fmt: skip
            for item in stream:
                _show(context, report, store, item)
            if not stream.is_interrupted:
                server.drain()


def _url_targets(
    words: Sequence[str], reach: "Reach", *, is_ordered: bool
) -> "list[ForwardTarget]":
    """The targets of --forward-to, each with the conditions that follow its URL."""
    from outreply_cli.webhooks.conditions import parse_conditions
    from outreply_cli.webhooks.forward import UrlTarget

    # The same URL in another spelling is not a second target.
    targets: dict[str, ForwardTarget] = {}
    for word in words:
        url, _, text = word.strip().partition(" ")
        target = UrlTarget(
            url,
            reach=reach,
            is_ordered=is_ordered,
            conditions=parse_conditions(text, "--forward-to") if text else (),
        )
        if targets.setdefault(target.name, target).conditions != target.conditions:
            raise InvalidInputError(
                f"--forward-to: {target.name} is given twice with different conditions",
                hint="Use each URL only once.",
            )
    return list(targets.values())


def _check_forward_loop(urls: Sequence[str], host: str, port: int) -> None:
    """Raise InvalidInputError for a URL that is this receiver, whose deliveries would never end."""
    from outreply_cli.net.dns import resolve
    from outreply_cli.net.urls import parse_http_url

    name = host.strip().removeprefix("[").removesuffix("]")
    own = resolve(name)
    listens_on_all = name == "*" or any(address.is_unspecified for address in own)
    for url in urls:
        target = parse_http_url(url)
        if target.port == port and any(
            address in own or (listens_on_all and address.is_loopback)
            for address in resolve(target.host)
        ):
            raise InvalidInputError(
                f"--forward-to: {url} is this receiver", hint="Use the URL of your handler."
            )


def _accepted_secrets(
    context: Context, variables: Sequence[str], *, emulator: bool, no_verify: bool, has_tunnel: bool
) -> tuple[list[str], list[str]]:
    """The secrets that deliveries may be signed with, and their names.

    With the emulator or a tunnel, the first one is a random placeholder, which matches no
    signature, until the webhook is created and its secret is known.

    Raises:
        InvalidInputError: Deliveries are verified, and no secret is set, or a tunnel is asked for
            with options that do not allow it.
    """
    verifies = not emulator and not no_verify
    secrets = webhook_secrets(context, variables, uses_keyring=verifies)
    if verifies and not has_tunnel and not secrets.values:
        raise InvalidInputError(
            "no webhook secret is set",
            hint="Set OUTREPLY_WEBHOOK_SECRET, or use --emulator or --no-verify.",
        )
    if has_tunnel:
        _check_tunnel(emulator=emulator, no_verify=no_verify)
    if emulator or has_tunnel:
        name = "the emulator's webhook" if emulator else "the tunnel's webhook"
        return [token_hex(32), *secrets.values], [name, *secrets.names]
    return ([], []) if no_verify else ([*secrets.values], [*secrets.names])


def _check_awaited(awaited: "Conditions", patterns: Sequence[str]) -> None:
    """Raise InvalidInputError if --until waits for an event that --events excludes."""
    for condition in awaited:
        name = condition.pattern
        is_name = condition.path == "event" and not condition.is_negated and "*" not in name
        if is_name and not matches(name, patterns):
            raise InvalidInputError(
                f"--until waits for {name}, which --events excludes",
                hint="Remove --events, or add the event there.",
            )


@contextmanager
def _summary(
    context: Context, stream: "EventStream", report: "DeliveryReport", store: "DeliveryStore"
) -> Iterator[None]:
    started_at = context.clock.now().timestamp()
    try:
        yield
    finally:
        # No summary after a failed start.
        if stream.started:
            for item in stream.drain():
                _show(context, report, store, item)
            report.close()
            context.info(f"Received: {report.summary()}.")
            given_up = store.list_given_up(started_at)
            for forward in given_up[:_GIVEN_UP_SHOWN]:
                delivery = store.find(f"#{forward.delivery}")
                reason = "" if forward.error is None else f" ({forward.error})"
                command = _queue_command(store, "retry", delivery.number, "--to", forward.target)
                context.info(
                    f"Gave up on {delivery.id} for {forward.target}: {forward.state}{reason}"
                    f". To queue it again: {command}"
                )
            if len(given_up) > _GIVEN_UP_SHOWN:
                context.info(
                    f"Gave up on {len(given_up)} deliveries. To list them: "
                    + _queue_command(store, "list", "--failed")
                )
            for queue in store.queue_lengths():
                count = "1 delivery is" if queue.count == 1 else f"{queue.count} deliveries are"
                sent = "it" if queue.count == 1 else "them"
                context.info(
                    f"{count} still queued for {queue.target}; the next serve-webhook that "
                    f"forwards there will send {sent}."
                )


def _queue_command(store: "DeliveryStore", *words: str | int) -> str:
    """A command that uses the queues of the same store."""
    team = ["--team"] if store.is_remote else []
    return shlex.join(["outreply", "webhooks", "queue", *map(str, words), *team])


def _report_waiting(context: Context, work: str) -> None:
    context.info(f"Waiting for {work} to finish. Press Ctrl-C again to stop now.")


def _stop(stream: "EventStream", server: "WebhookServer", *_: object) -> None:
    """Close the stream at the first signal, and abort at the second."""
    if stream.is_closed:
        server.abort()
    stream.close()


@contextmanager
def _emulator_webhook(
    context: Context, url: str, events: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """Register a webhook with the running emulator; yields its secret and the emulator's port."""
    from outreply_cli.commands.emulator.shared import state_directory
    from outreply_cli.emulator.client import find_running
    from outreply_cli.emulator.errors import EmulatorNotRunningError
    from outreply_cli.spec.token import Token

    running = find_running(state_directory(context, None))
    if running is None:
        raise EmulatorNotRunningError
    token = Token(str(running.request("status")["tokens"][0]["token"]))
    client = context.client_for(token, running.base_url)
    for hook in client.webhooks().items:
        # Left behind by a run that was killed.
        if hook.get("url") == url:
            client.delete_webhook(str(hook["id"]))
    hook = client.create_webhook(url, events)
    try:
        yield str(hook["secret"]), running.port
    finally:
        with suppress(OutReplyError):
            client.delete_webhook(str(hook["id"]))


def _check_tunnel(*, emulator: bool, no_verify: bool) -> None:
    """Raise InvalidInputError if the other options do not allow a tunnel."""
    if emulator:
        raise InvalidInputError(
            "--tunnel cannot be used with --emulator, which sends from this machine",
            hint="Remove --tunnel or --emulator.",
        )
    if no_verify:
        raise InvalidInputError(
            "--tunnel cannot be used with --no-verify: anyone on the internet could send "
            "deliveries",
            hint="Remove --no-verify; signatures are verified with the webhook's own secret.",
        )


def _show(
    context: Context,
    report: "DeliveryReport",
    store: "DeliveryStore",
    item: "Received | ForwardReport",
) -> None:
    from outreply_cli.commands.webhooks.responses import print_response
    from outreply_cli.webhooks.forward import ForwardAttempt, StoreFailure, TargetBusy

    if isinstance(item, StoreFailure):
        context.warn(f"{item.consequence}: {item.reason}")
        return
    if isinstance(item, TargetBusy):
        report.note_busy(item.target)
        context.info(
            f"Another receiver forwards to {item.target}. This one takes over when that one stops."
        )
        return
    if isinstance(item, ForwardAttempt):
        report.show_forwarded(item)
        if report.shows_response(item):
            print_response(context, item.result)
        # Other targets of the delivery are left as they are.
        selected = (item.delivery.number, "--to", item.target)
        if item.retry_in is None and not item.result.is_accepted:
            context.info(f"  To queue it again: {_queue_command(store, 'retry', *selected)}")
        if item.waiting and item.attempt == _BLOCKING_ATTEMPTS:
            context.info(
                f"  To skip it and forward the rest: {_queue_command(store, 'skip', *selected)}"
            )
        return
    report.show_received(item)
    if item.delivery.is_verified:
        attempt = item.delivery.times_seen + 1
        reaction = report.retries.predict(item.status, item.milliseconds / 1000, attempt)
        if reaction is not None:
            context.info(f"  {reaction}")


def _announce(
    context: Context,
    server: "WebhookServer",
    emulator_port: int | None,
    secret_names: Sequence[str] | None,
    tunnel_note: str | None,
) -> None:
    from outreply_cli.api.base_url import is_loopback

    context.info(f"Receiving at {server.url}. Press Ctrl-C to stop.")
    if server.inspector_url is not None:
        context.info(f"Inspect deliveries at {server.inspector_url}")
    if len(server.addresses) > 1:
        context.info(f"Listening on {' and '.join(server.addresses)}.")
    if secret_names is None:
        context.info("Signatures are not verified.")
    else:
        context.info(f"Accepted secrets: {', '.join(secret_names)}.")
    if emulator_port is not None:
        context.info(f"Registered with the emulator on port {emulator_port} until this exits.")
    elif tunnel_note is None:
        context.info(
            f"To register it: outreply webhooks create --url {server.url}  (or use the dashboard)"
        )
    is_local = all(map(is_loopback, server.addresses))
    if not is_local:
        context.warn(f"other machines can connect to port {server.port}")
    if tunnel_note is not None:
        context.info(tunnel_note)
    elif is_local and emulator_port is None:
        context.info(
            "To receive from the internet: add --tunnel cloudflared (or ngrok, tailscale), or "
            "register the URL of another tunnel to this port."
        )


def _parse_seconds(text: str | None) -> float | None:
    return None if text is None else parse_duration(text).total_seconds()
