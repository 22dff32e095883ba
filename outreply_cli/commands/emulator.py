"""`outreply emulator`: the whole API on this machine, without an account."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from outreply_cli.accounts.credentials import Credentials
from outreply_cli.accounts.profiles import Profile
from outreply_cli.commands.options import Yes, command, new_group
from outreply_cli.contract.token import Token
from outreply_cli.emulator.remote import Running, find_running, not_running
from outreply_cli.errors import InvalidInputError
from outreply_cli.terminal.output import Column, Item
from outreply_cli.terminal.session import Session
from outreply_cli.times import from_api, read_duration, read_time, show_instant, to_api

app = new_group("The whole API on this machine, without an account.")

PROFILE = "emulator"
StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="Where its state is kept.")
]


@command(app, "start", api=False)
def emulator_start(
    session: Session,
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535)] = 8787,
    state: StateOption = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay in this terminal.")
    ] = False,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; anybody there may drive it.")
    ] = "127.0.0.1",
) -> None:
    """Start it in the background, with a profile `emulator` to use it by.

    Example: outreply emulator start && outreply pages list -p emulator
    """
    from outreply_cli.api.base_url import is_loopback
    from outreply_cli.emulator.background import serve, start_in_background

    if not is_loopback(host):
        session.warn(f"{host} is reached from other machines; anybody there can use this emulator")
    directory = _directory(session, state)
    if foreground:
        serve(
            directory,
            session.clock,
            port=port,
            host=host,
            on_ready=lambda _, running: _announce(session, running),
        )
        return
    running = start_in_background(
        directory, session.clock, port=port, host=host, environ=session.environ
    )
    _announce(session, running)


@command(app, "stop", api=False)
def emulator_stop(session: Session, state: StateOption = None) -> None:
    """End it; its state stays."""
    from outreply_cli.emulator.background import stop

    directory = _directory(session, state)
    running = _running(directory)
    stop(running, directory, session.clock)
    session.note(f"The emulator on port {running.port} has ended; its state is kept.")


@command(app, "status", api=False)
def emulator_status(session: Session, state: StateOption = None) -> None:
    """Show where it is, its time, its posts and tokens.

    Example: outreply emulator status --json
    """
    directory = _directory(session, state)
    running = _running(directory)
    _show(session, running, {**running.ask("status"), "state": str(directory)})


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

    Examples: outreply emulator advance 2h

    outreply emulator advance until '2026-12-24 18:00'
    """
    running = _running(_directory(session, state))
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
            Column("Now", "now", lambda it: _show_time(session, it)),
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
    """
    running = _running(_directory(session, state))
    if scopes is None and expires_in is None and name is None:
        token = running.ask("status")["tokens"][0]
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


@command(app, "reset", api=False)
def emulator_reset(session: Session, state: StateOption = None, yes: Yes = False) -> None:
    """Forget everything in it and begin anew with the built-in account."""
    running = _running(_directory(session, state))
    session.confirm("Forget everything in the emulator?", yes=yes)
    status = running.ask("reset")
    _keep_profile(session, running, status)
    _show(session, running, status)


@command(app, "seed", api=False)
def emulator_seed(
    session: Session,
    state: StateOption = None,
) -> None:
    """Put the built-in account into it when it is empty."""
    running = _running(_directory(session, state))
    status = running.ask("seed")
    _keep_profile(session, running, status)
    _show(session, running, status)


def _directory(session: Session, state: Path | None) -> Path:
    return (state or session.state_dir / "emulator").expanduser().absolute()


def _running(directory: Path) -> Running:
    running = find_running(directory)
    if running is None:
        raise not_running()
    return running


def _announce(session: Session, running: Running) -> None:
    status = running.ask("status")
    _keep_profile(session, running, status)
    _show(session, running, status)
    session.note(f"Use it with: outreply pages list --profile {PROFILE}")


def _keep_profile(session: Session, running: Running, status: dict[str, Any]) -> None:
    token = Token(str(status["tokens"][0]["token"]))
    Credentials(session.environ, session.config_dir).keep(PROFILE, token, "file")
    profiles = session.profiles
    profiles.stored[PROFILE] = Profile(PROFILE, running.base_url, storage="file")
    profiles.save()


def _show(session: Session, running: Running, status: dict[str, Any]) -> None:
    facts = {key: value for key, value in asdict(running).items() if key != "control_key"}
    item = {**facts, **status, "profile": PROFILE}
    session.output.show_one(
        item,
        [
            Column("URL", "base_url"),
            Column("Token", "tokens", lambda it: str(it["tokens"][0]["token"])),
            Column("Profile", "profile"),
            Column("Time", "now", lambda it: _show_time(session, it)),
            Column(
                "Posts", "posts",
                lambda it: ", ".join(f"{count} {name}" for name, count in it["posts"].items()),
            ),
            Column("Process", "pid"),
        ],
        id_field="base_url",
    )  # fmt: skip


def _show_time(session: Session, item: Item) -> str:
    return show_instant(from_api(str(item["now"])), session.zone())
