"""`outreply webhooks verify`, `sign`, `events`, `trigger` and `check`: a developer's tools."""

from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.webhook_group import (
    OWN_URL,
    PublicOption,
    SecretOption,
    ToOption,
    app,
    one_secret,
    sending_object,
    show_sendings,
    webhook_secrets,
)
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError, OutReplyError, PartialFailureError

FileOption = Annotated[
    str, typer.Option("--file", "-F", metavar="FILE", help="The raw body; - is stdin.")
]


class BadSignatureError(OutReplyError):
    """The signature does not fit."""

    code = "BAD_SIGNATURE"


@command(app, "verify", api=False)
def webhooks_verify(
    session: Session,
    signature: Annotated[str, typer.Option(metavar="S", help="The X-OutReply-Signature header.")],
    file: FileOption = "-",
    timestamp: Annotated[
        str | None, typer.Option(metavar="T", help="The X-OutReply-Timestamp header.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="How far that may be from now.")
    ] = None,
    secret_env: SecretOption = None,
) -> None:
    """Say whether a body was signed with the secret, and if not, why.

    Exits with 1 when it was not.

    Example: outreply webhooks verify --signature "$(outreply webhooks sign -F body.json)" -F body.json

    Example: outreply webhooks verify --signature "$(outreply webhooks sign -F body.json)" < body.json
    """  # noqa: E501 - a line that can be pasted
    from outreply_cli.webhooks.diagnose import explain
    from outreply_cli.webhooks.signature import Tolerance

    secrets = webhook_secrets(session, secret_env or [])
    if not secrets.values:
        raise InvalidInputError(
            "there is no secret to verify with",
            hint="Set OUTREPLY_WEBHOOK_SECRET, or name another variable with --secret-env.",
        )
    found = explain(
        _read_raw(session, file), signature, secrets.values, names=secrets.names,
        timestamp=timestamp, tolerance=Tolerance(tolerance), now=session.clock.now().timestamp(),
    )  # fmt: skip
    if not found.verdict.is_good:
        raise BadSignatureError(
            f"bad: {found.verdict.reason}: {'; '.join(found.findings)}",
            details={"reason": str(found.verdict.reason), "findings": list(found.findings)},
        )
    if session.choices.output == "table":
        session.output.say("good: " + "; ".join(found.findings))
    else:
        session.output.show_value({"verified": True, "findings": list(found.findings)})


@command(app, "sign", api=False)
def webhooks_sign(
    session: Session, file: FileOption = "-", secret_env: SecretOption = None
) -> None:
    """Print the X-OutReply-Signature of a body.

    Example: outreply webhooks sign --file body.json

    Example: outreply webhooks sign < body.json
    """
    from outreply_cli.webhooks.signature import sign

    signed = sign(_read_raw(session, file), one_secret(session, secret_env))
    if session.choices.output == "table":
        session.output.show_text(signed)
    else:
        session.output.show_value({"signature": signed})


@command(app, "events", api=False)
def webhooks_events(
    session: Session,
    event: Annotated[
        str | None, typer.Argument(metavar="[EVENT]", help="Show an example of it.")
    ] = None,
) -> None:
    """List the events, or show an example of one.

    Example: outreply webhooks events

    Example: outreply webhooks events post.published
    """
    from outreply_cli.spec.limits import EVENTS
    from outreply_cli.ui.output import Column
    from outreply_cli.webhooks.fixtures import sample

    now = session.clock.now()
    if event is not None:
        session.output.show_value(sample(event, now))
        return
    items = [
        {"event": name, "fires_when": when, "fields": _paths(sample(name, now)["data"], "data"),
         "example": sample(name, now)}
        for name, when in EVENTS.items()
    ]  # fmt: skip
    session.output.show_list(
        items,
        [Column("Event", "event"), Column("Fires when", "fires_when", flexible=True)],
        id_field="event",
    )


@command(app, "trigger", api=False)
def webhooks_trigger(
    session: Session,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Such as post.published.")],
    to: ToOption = OWN_URL,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Such as data.post.message=Hello."),
    ] = None,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="With two signatures, as during a rotation.")
    ] = False,
    stale: Annotated[bool, typer.Option("--stale", help="With an hour-old timestamp.")] = False,
    bad_signature: Annotated[
        bool, typer.Option("--bad-signature", help="With a signature that fits nothing.")
    ] = False,
    secret_env: SecretOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Send an example event, signed like the real thing.

    Example: outreply webhooks trigger post.failed --to localhost:3000/hooks

    Example: outreply webhooks trigger comment.received --stale --to localhost:3000/hooks
    """
    from outreply_cli.webhooks.fixtures import delivery_headers, encode, sample
    from outreply_cli.webhooks.sending import check_target, post

    url = check_target(to, "--to", allow_public=allow_public)
    now = session.clock.now()
    payload = sample(event, now, settings or [])
    body = encode(payload)
    headers = delivery_headers(
        body, event, one_secret(session, secret_env), now,
        is_rotated=rotate, is_stale=stale, is_bad=bad_signature,
    )  # fmt: skip
    outcome = post(url, body, headers, allow_public=allow_public)
    show_sendings(session, [sending_object(payload["id"], event, url, outcome)])


@command(app, "check", api=False)
def webhooks_check(
    session: Session,
    url: Annotated[str, typer.Argument(metavar="URL", help="Your handler.")],
    secret_env: SecretOption = None,
    allow_public: PublicOption = False,
) -> None:
    """Try a handler with good, bad, late, repeated, oversized and simultaneous deliveries.

    Exits with 3 when it got something wrong.

    Example: outreply webhooks check localhost:3000/hooks

    Example: outreply webhooks check localhost:3000/hooks --json
    """
    from outreply_cli.ui.output import Column
    from outreply_cli.webhooks.conformance import Checkup
    from outreply_cli.webhooks.sending import check_target

    target = check_target(url, "URL", allow_public=allow_public)
    checkup = Checkup(
        target, one_secret(session, secret_env), session.clock.now(), allow_public=allow_public
    )
    items = [
        {"trial": trial.name, "wanted": trial.wanted, "answer": trial.answer,
         "right": trial.is_right, "advice": None if trial.is_right else trial.advice,
         "latency_ms": round(trial.milliseconds, 3)}
        for trial in checkup.run()
    ]  # fmt: skip
    session.output.show_list(
        items,
        [
            Column("", "right", lambda it: "ok" if it["right"] else "WRONG",
                   style=lambda it: "green" if it["right"] else "bold red"),
            Column("Tried", "trial"), Column("Wanted", "wanted"),
            Column("Answer", "answer", flexible=True),
            Column("Took", "latency_ms", lambda it: f"{it['latency_ms']:.0f} ms"),
        ],
        id_field="trial",
    )  # fmt: skip
    wrong = [item for item in items if not item["right"]]
    for advice in dict.fromkeys(item["advice"] for item in wrong):
        session.note(f"- {advice}")
    if wrong:
        raise PartialFailureError(f"{len(wrong)} of {len(items)} went wrong at {target}")


def _read_raw(session: Session, name: str) -> bytes:
    # A signature is over bytes, not text.
    try:
        return session.stdin_bytes.read() if name == "-" else Path(name).read_bytes()
    except OSError as failure:
        raise InvalidInputError(f"{name}: {failure.strerror or failure}") from None


def _paths(value: object, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [path]
    return [each for key, below in value.items() for each in _paths(below, f"{path}.{key}")]
