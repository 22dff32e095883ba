"""Options and helpers that the commands of `outreply emulator` share."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from outreply_cli.accounts.credentials import Credentials
from outreply_cli.accounts.profiles import Profile
from outreply_cli.context import Context
from outreply_cli.emulator.client import STATE_VARIABLE, EmulatorHandle, find_running, not_running
from outreply_cli.paths import to_path
from outreply_cli.spec.token import Token
from outreply_cli.times import format_time
from outreply_cli.timestamps import parse_timestamp
from outreply_cli.ui.output import Column, Item

SeedOption = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Makes ids and chance the same again.")
]
FrozenOption = Annotated[
    bool, typer.Option("--frozen", help="Its clock stands still but for `advance`.")
]
FailureOption = Annotated[
    float,
    typer.Option(metavar="RATE", min=0, max=1, help="The share of posts that fail when due."),
]
CommentsOption = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=100, help="Comments that come in on each new post."),
]


def show_clock(context: Context, told: Item) -> None:
    columns = [
        Column("Now", "now", lambda it: show_time_of(context, it)),
        Column("Frozen", "frozen"),
    ]
    context.output.print_one(told, columns, id_field=None)


PROFILE = "emulator"
StateOption = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="Where its state is kept.")
]


def state_directory(context: Context, state: Path | None) -> Path:
    """Where the emulator's state is: `--state`, else what `emulator exec` set, else ours."""
    given = context.environ.get(STATE_VARIABLE)
    chosen = state or (Path(given) if given else context.state_dir / "emulator")
    return to_path(chosen).absolute()


def running_emulator(directory: Path) -> EmulatorHandle:
    """The emulator that runs there; raises EmulatorError when none does."""
    running = find_running(directory)
    if running is None:
        raise not_running()
    return running


def print_started(context: Context, running: EmulatorHandle) -> None:
    """Tell how to use an emulator that has just started."""
    status = running.request("status")
    save_profile(context, running, status)
    show_emulator(context, running, status)
    context.info(f"Use it with: outreply pages list --profile {PROFILE}")


def save_profile(context: Context, running: EmulatorHandle, status: dict[str, Any]) -> None:
    """Keep the profile `emulator`, with a token of full access where there is one."""
    profile = Profile(PROFILE, running.base_url, storage="file")
    credentials, token = Credentials(context.environ, context.config_dir), active_token(status)
    if token is None:
        credentials.delete(profile)
        context.warn("no token in it is in force; make one with: outreply emulator token --name A")
    else:
        credentials.save(PROFILE, Token(token), "file")
    profiles = context.profiles
    profiles.stored[PROFILE] = profile
    profiles.save()


def active_token(status: Mapping[str, Any]) -> str | None:
    """The token of most scopes that is in force in an emulator, or None."""
    return next((str(token["token"]) for token in status["tokens"]), None)


def show_emulator(context: Context, running: EmulatorHandle, status: dict[str, Any]) -> None:
    """Show where it is, its token, time and posts."""
    facts = {key: value for key, value in asdict(running).items() if key != "control_key"}
    item: dict[str, Any] = {**facts, **status, "profile": PROFILE}
    context.output.print_one(
        item,
        [
            Column("URL", "base_url"),
            Column("Token", "tokens", lambda it: active_token(it) or "none"),
            Column("Profile", "profile"),
            Column("Time", "now", lambda it: show_time_of(context, it)),
            Column(
                "Posts", "posts",
                lambda it: ", ".join(f"{count} {name}" for name, count in it["posts"].items()),
            ),
            Column("Process", "pid"),
        ],
        id_field="base_url",
    )  # fmt: skip


def show_time_of(context: Context, item: Item) -> str:
    """The emulator's time in what it told."""
    return format_time(parse_timestamp(str(item["now"])), context.zone())
