"""What can be made to happen in an emulator: faults, comments, rotation, a clock that stops."""

from typing import Annotated

import typer

from outreply_cli.cli.options import command, new_group
from outreply_cli.commands.emulator_group import (
    StateOption,
    app,
    running_emulator,
    show_time_of,
    state_directory,
)
from outreply_cli.context import Session
from outreply_cli.times import from_api, show_instant
from outreply_cli.ui.output import Column, Item

_FAULT_COLUMNS = [
    Column("Number", "number"), Column("Fault", "fault"), Column("Method", "method"),
    Column("Path", "path"), Column("Every", "every"), Column("Chance", "probability"),
    Column("Times", "times"), Column("Struck", "struck"),
]  # fmt: skip


@command(app, "freeze", api=False)
def emulator_freeze(session: Session, state: StateOption = None) -> None:
    """Stop its clock: time goes on only by `advance`.

    Example: outreply emulator freeze

    Example: outreply emulator freeze -q && outreply emulator advance 1h
    """
    _show_clock(session, running_emulator(state_directory(session, state)).ask("freeze", on=True))


@command(app, "unfreeze", api=False)
def emulator_unfreeze(session: Session, state: StateOption = None) -> None:
    """Let its clock run again, from where it stands.

    Example: outreply emulator unfreeze

    Example: outreply emulator unfreeze --json
    """
    _show_clock(session, running_emulator(state_directory(session, state)).ask("freeze", on=False))


@command(app, "comment", api=False)
def emulator_comment(
    session: Session,
    post: Annotated[str, typer.Argument(metavar="POST", help="A published post's id.")],
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="What it says.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Who writes.")] = "Jane Doe",
    username: Annotated[str, typer.Option(metavar="NAME", help="Their user name.")] = "jane.doe",
    state: StateOption = None,
) -> None:
    """Let a comment come in on a published post; webhooks are told.

    Example: outreply emulator comment $(outreply posts list --published -q --limit 1) -m 'Is it open?'

    Example: outreply emulator comment $(outreply posts list --published -q --limit 1) -m Hello --name Ana --json
    """  # noqa: E501 - a line that can be pasted
    running = running_emulator(state_directory(session, state))
    made = running.ask("comment", post_id=post, message=message, name=name, username=username)
    session.output.show_one(made, [Column("Comment", "id"), Column("Post", "post_id")])


@command(app, "deliveries", api=False)
def emulator_deliveries(
    session: Session,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many.")] = 50,
    state: StateOption = None,
) -> None:
    """Show the webhooks that it sent, newest first, and when it tries again.

    Example: outreply emulator deliveries

    Example: outreply emulator deliveries --limit 5 --json
    """
    found = running_emulator(state_directory(session, state)).ask("deliveries", limit=limit)[
        "deliveries"
    ]
    session.output.show_list(
        found,
        [
            Column("Delivery", "id"),
            Column("Event", "event"),
            Column("Attempts", "attempts"),
            Column("Answer", "status", lambda it: str(it["status"] or it["error"] or "")),
            Column("Next", "next_attempt_at", lambda it: _show_when(session, it)),
        ],
    )


@command(app, "rotate", api=False)
def emulator_rotate(
    session: Session,
    hook: Annotated[str, typer.Argument(metavar="WEBHOOK", help="A webhook's id.")],
    state: StateOption = None,
) -> None:
    """Give a webhook a new secret and print it; the old one signs too for 24 hours.

    Example: outreply emulator rotate $(outreply webhooks list -q | head -n 1)

    Example: outreply emulator rotate $(outreply webhooks list -q | head -n 1) --json
    """
    made = running_emulator(state_directory(session, state)).ask("rotate", id=hook)
    session.output.show_one(made, [Column("Webhook", "id"), Column("Secret", "secret")])


@command(app, "enable", api=False)
def emulator_enable(
    session: Session,
    hook: Annotated[str, typer.Argument(metavar="WEBHOOK", help="A webhook's id.")],
    state: StateOption = None,
) -> None:
    """Let a webhook be told again that 20 failures in a row had disabled.

    Example: outreply emulator enable $(outreply webhooks list -q | head -n 1)

    Example: outreply emulator enable $(outreply webhooks list -q | head -n 1) --json
    """
    made = running_emulator(state_directory(session, state)).ask("enable", id=hook)
    session.output.show_one(made, [Column("Webhook", "id"), Column("Active", "active")])


fault = new_group("Make it misbehave, until it ends.")
app.add_typer(fault, name="fault")


@command(fault, "add", api=False)
def emulator_fault_add(
    session: Session,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="FAULT",
            help="drop-before, drop-after, delay:SECONDS, status:CODE, garbage, truncate, "
            "rate-limit[:SECONDS] or skew:SECONDS.",
        ),
    ],
    method: Annotated[
        str | None, typer.Option(metavar="METHOD", help="Such as POST; any by default.")
    ] = None,
    path: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Such as '/posts/*'; any by default.")
    ] = None,
    every: Annotated[int, typer.Option(metavar="N", min=1, help="Every Nth request.")] = 1,
    probability: Annotated[
        float, typer.Option(metavar="P", min=0, max=1, help="The chance of each.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Makes chance the same again.")] = 0,
    times: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How often in all; always by default.")
    ] = None,
    state: StateOption = None,
) -> None:
    """Add a fault that matching requests meet.

    Example: outreply emulator fault add drop-after --method POST --path '/posts/*' --times 1

    Example: outreply emulator fault add delay:2 --path /pages --times 1
    """
    running = running_emulator(state_directory(session, state))
    choices = {
        "method": method.upper() if method else None, "path": path, "every": every,
        "probability": probability, "seed": seed, "times": times,
    }  # fmt: skip
    session.output.show_one(
        running.ask("fault", add=kind, choices=choices), _FAULT_COLUMNS, id_field="number"
    )


@command(fault, "list", api=False)
def emulator_fault_list(session: Session, state: StateOption = None) -> None:
    """List the faults in force, and how often each struck.

    Example: outreply emulator fault list

    Example: outreply emulator fault list --json
    """
    found = running_emulator(state_directory(session, state)).ask("fault")["faults"]
    session.output.show_list(found, _FAULT_COLUMNS, id_field="number")


@command(fault, "clear", api=False)
def emulator_fault_clear(
    session: Session,
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help="All by default.")
    ] = None,
    state: StateOption = None,
) -> None:
    """End one fault, or all of them.

    Example: outreply emulator fault clear

    Example: outreply emulator fault clear 1
    """
    ended = running_emulator(state_directory(session, state)).ask("fault", clear=number)["ended"]
    session.note(f"{ended} ended.")


def _show_clock(session: Session, told: Item) -> None:
    columns = [
        Column("Now", "now", lambda it: show_time_of(session, it)),
        Column("Frozen", "frozen"),
    ]
    session.output.show_one(told, columns, id_field=None)


def _show_when(session: Session, item: Item) -> str:
    moment = item["next_attempt_at"]
    return "" if moment is None else show_instant(from_api(str(moment)), session.zone())
