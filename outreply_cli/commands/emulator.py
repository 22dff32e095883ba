"""`outreply emulator`: the whole API on this machine, without an account."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands import emulator_process, emulator_rehearsal, emulator_snapshot
from outreply_cli.commands.emulator_group import (
    StateOption,
    app,
    keep_profile,
    running_emulator,
    show_emulator,
    show_time_of,
    state_directory,
)
from outreply_cli.context import Session
from outreply_cli.emulator.errors import EmulatorError
from outreply_cli.errors import InvalidInputError
from outreply_cli.times import from_api, read_duration, read_time, to_api
from outreply_cli.ui.output import Column

# Their commands register themselves.
__all__ = ["app", "emulator_process", "emulator_rehearsal", "emulator_snapshot"]


@command(app, "advance", api=False)
def emulator_advance(
    session: Session,
    time: Annotated[
        str, typer.Argument(metavar="2h|TIME", help="How far, or until when; until TIME works too.")
    ],
    until: Annotated[str | None, typer.Argument(metavar="", hidden=True)] = None,
    state: StateOption = None,
) -> None:
    """Move its clock; posts that fall due are published.

    Example: outreply emulator advance 2h

    Example: outreply emulator advance until 'tomorrow 18:00'
    """
    running = running_emulator(state_directory(session, state))
    text = until if time == "until" and until is not None else time
    try:
        span: timedelta | None = read_duration(text.removeprefix("+"))
    except InvalidInputError:
        span = None
    if span is not None and until is None:
        result = running.ask("advance", seconds=span.total_seconds())
    else:
        now = from_api(running.ask("status")["now"])
        moment = read_time(text, now=now, zone=session.zone())
        result = running.ask("advance", to=to_api(moment))
    session.output.show_one(
        result,
        [
            Column("Now", "now", lambda it: show_time_of(session, it)),
            Column("Published", "published"),
        ],
        id_field=None,
    )


@command(app, "token", api=False)
def emulator_token(
    session: Session,
    scopes: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these scopes; all by default.")
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option(metavar="T", help="Such as 90d; never by default.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What it is called.")] = None,
    state: StateOption = None,
) -> None:
    """Print a token of it: the profile's own, or a new one with --scopes or --expires-in.

    Example: export OUTREPLY_API_KEY=$(outreply emulator token)

    Example: outreply emulator token --scopes read:posts,read:pages --expires-in 1h
    """
    running = running_emulator(state_directory(session, state))
    if scopes is None and expires_in is None and name is None:
        token = next(iter(running.ask("status")["tokens"]), None)
        if token is None:
            raise EmulatorError(
                "no token in the emulator is in force",
                hint="Make one with: outreply emulator token --name A",
            )
    else:
        token = running.ask(
            "token",
            scopes=[scope.strip() for scope in scopes.split(",")] if scopes else None,
            expires_in=read_duration(expires_in).total_seconds() if expires_in else None,
            name=name,
        )
    if session.choices.output == "table" and session.choices.fields is None:
        session.output.show_text(str(token["token"]))
    else:
        session.output.show_value({**token, "base_url": running.base_url})


@command(app, "seed", api=False)
def emulator_seed(
    session: Session,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="YAML that describes accounts.")
    ] = None,
    export: Annotated[
        bool, typer.Option("--export", help="Print what is in it as a seed file.")
    ] = False,
    state: StateOption = None,
    yes: Yes = False,
) -> None:
    """Put the accounts of a YAML file into it instead of what is there.

    With no FILE an empty emulator gets the built-in account.

    Example: outreply emulator seed --export > seed.yaml

    Example: outreply emulator seed seed.yaml --yes
    """
    running = running_emulator(state_directory(session, state))
    if export:
        if file is not None:
            raise InvalidInputError("--export prints to stdout; leave the FILE out")
        session.output.show_document(str(running.ask("export")["seed"]))
        return
    if file is None:
        status = running.ask("seed")
    else:
        text = session.read_text(str(file))
        session.confirm("Replace everything in the emulator?", yes=yes)
        status = running.ask("seed", text=text, name=str(file))
    keep_profile(session, running, status)
    show_emulator(session, running, status)


@command(app, "reset", api=False)
def emulator_reset(session: Session, state: StateOption = None, yes: Yes = False) -> None:
    """Forget everything in it and begin anew with the built-in account.

    Example: outreply emulator reset --yes

    Example: outreply emulator reset --yes --json
    """
    running = running_emulator(state_directory(session, state))
    session.confirm("Forget everything in the emulator?", yes=yes)
    status = running.ask("reset")
    keep_profile(session, running, status)
    show_emulator(session, running, status)


@command(app, "openapi", api=False)
def emulator_openapi(session: Session) -> None:
    """Print the API's description, OpenAPI 3.1; nothing has to run for it.

    Example: outreply emulator openapi > openapi.json

    Example: outreply emulator openapi -o yaml
    """
    from outreply_cli.emulator.openapi import document

    session.output.show_value(document())
