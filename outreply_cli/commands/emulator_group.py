"""What the emulator's commands share: where it is, who uses it, how it is shown."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from outreply_cli.accounts.credentials import Credentials
from outreply_cli.accounts.profiles import Profile
from outreply_cli.cli.options import new_group
from outreply_cli.context import Session
from outreply_cli.emulator.client import STATE_VARIABLE, Running, find_running, not_running
from outreply_cli.paths import path_of
from outreply_cli.spec.token import Token
from outreply_cli.times import from_api, show_instant
from outreply_cli.ui.output import Column, Item

app = new_group("The whole API on this machine, without an account.")

PROFILE = "emulator"
StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="Where its state is kept.")
]


def state_directory(session: Session, state: Path | None) -> Path:
    """Where the emulator's state is: `--state`, else what `emulator exec` set, else ours."""
    given = session.environ.get(STATE_VARIABLE)
    chosen = state or (Path(given) if given else session.state_dir / "emulator")
    return path_of(chosen).absolute()


def running_emulator(directory: Path) -> Running:
    """The emulator that runs there; raises EmulatorError when none does."""
    running = find_running(directory)
    if running is None:
        raise not_running()
    return running


def announce(session: Session, running: Running) -> None:
    """Tell how to use an emulator that has just started."""
    status = running.ask("status")
    keep_profile(session, running, status)
    show_emulator(session, running, status)
    session.note(f"Use it with: outreply pages list --profile {PROFILE}")


def keep_profile(session: Session, running: Running, status: dict[str, Any]) -> None:
    """Keep the profile `emulator`, with a token of full access where there is one."""
    profile = Profile(PROFILE, running.base_url, storage="file")
    credentials, token = Credentials(session.environ, session.config_dir), live_token(status)
    if token is None:
        credentials.forget(profile)
        session.warn("no token in it is in force; make one with: outreply emulator token --name A")
    else:
        credentials.keep(PROFILE, Token(token), "file")
    profiles = session.profiles
    profiles.stored[PROFILE] = profile
    profiles.save()


def live_token(status: Mapping[str, Any]) -> str | None:
    """The token of most scopes that is in force in an emulator, or None."""
    return next((str(token["token"]) for token in status["tokens"]), None)


def show_emulator(session: Session, running: Running, status: dict[str, Any]) -> None:
    """Show where it is, its token, time and posts."""
    facts = {key: value for key, value in asdict(running).items() if key != "control_key"}
    item: dict[str, Any] = {**facts, **status, "profile": PROFILE}
    session.output.show_one(
        item,
        [
            Column("URL", "base_url"),
            Column("Token", "tokens", lambda it: live_token(it) or "none"),
            Column("Profile", "profile"),
            Column("Time", "now", lambda it: show_time_of(session, it)),
            Column(
                "Posts", "posts",
                lambda it: ", ".join(f"{count} {name}" for name, count in it["posts"].items()),
            ),
            Column("Process", "pid"),
        ],
        id_field="base_url",
    )  # fmt: skip


def show_time_of(session: Session, item: Item) -> str:
    """The emulator's time in what it told."""
    return show_instant(from_api(str(item["now"])), session.zone())
