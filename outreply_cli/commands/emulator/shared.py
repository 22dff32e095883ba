"""Options and helpers of the `emulator` commands."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from outreply_cli.accounts.credentials import Credentials
from outreply_cli.accounts.profiles import EMULATOR_PROFILE, Profile, Profiles
from outreply_cli.cli.options import argument, option, switch
from outreply_cli.context import Context
from outreply_cli.emulator.client import STATE_VARIABLE, EmulatorHandle, find_running
from outreply_cli.emulator.config import EmulatorConfig
from outreply_cli.emulator.errors import EmulatorNotRunningError
from outreply_cli.paths import to_path
from outreply_cli.spec.token import Token
from outreply_cli.times import format_api_time, parse_duration
from outreply_cli.ui.columns import Column, Item

StateOption = Annotated[
    Path | None,
    option(
        "DIR",
        "State directory of the emulator (default: emulator, in outreply's state directory).",
        "--state",
    ),
]
TokenArgument = Annotated[str, argument("TOKEN", "Name or ID of the token.")]
ScopesOption = Annotated[str | None, option("SCOPE,...", "Scopes of the token.", "--scopes")]
ExpiresInOption = Annotated[
    str | None, option("DURATION", "Token lifetime of at most 2 years, or 'never'.", "--expires-in")
]
BrandsOption = Annotated[
    str | None,
    option("BRAND,...", "Restrict the token to these brands, or 'all' to allow all.", "--brands"),
]
AllowIpOption = Annotated[
    str | None,
    option(
        "ADDRESS,...",
        "Restrict the token to these IP addresses and CIDR ranges, or 'any' to allow any.",
        "--allow-ip",
    ),
]
WebhookArgument = Annotated[str, argument("ID", "Webhook ID.")]
FAULT_COLUMNS = [
    Column(name.capitalize(), name)
    for name in ("number", "fault", "method", "path", "every", "probability", "times", "hits")
]


@dataclass(frozen=True, kw_only=True)
class BehaviorOptions:
    """The options that decide how an emulator behaves."""

    seed: Annotated[int | None, option("NUMBER", "Random seed for reproducible results.")] = None
    frozen: Annotated[bool, switch("Start with a frozen clock.")] = False
    failure_rate: Annotated[
        float, option("RATE", "Fraction of posts that fail to publish, from 0 to 1.", min=0, max=1)
    ] = 0.0
    comments: Annotated[
        int, option("COUNT", "Number of comments received on each new post.", min=0, max=100)
    ] = 0
    lenient: Annotated[
        bool,
        switch(
            "Publish posts that a platform would refuse, such as text without an image on "
            "Instagram."
        ),
    ] = False
    growth: Annotated[
        bool, switch("Simulate likes, shares and new followers as the clock advances.")
    ] = False  # fmt: skip

    def to_config(self, *, allow_external: bool = False) -> EmulatorConfig:
        """The configuration of the emulator."""
        return EmulatorConfig(
            self.seed, self.frozen, self.failure_rate, self.comments, allow_external, self.lenient,
            has_growth=self.growth,
        )  # fmt: skip

    def to_flags(self) -> list[str]:
        """The same options on a command line."""
        flags = [f"--failure-rate={self.failure_rate}", f"--comments={self.comments}"]
        flags += [f"--seed={self.seed}"] if self.seed is not None else []
        switches = {"frozen": self.frozen, "lenient": self.lenient, "growth": self.growth}
        return flags + [f"--{name}" for name, is_on in switches.items() if is_on]


def state_directory(context: Context, state: Path | None) -> Path:
    """The state directory: `--state`, else that of `emulator exec`, else the default."""
    from_environ = context.environ.get(STATE_VARIABLE)
    default = Path(from_environ) if from_environ else context.state_dir / "emulator"
    return to_path(state or default).absolute()


def running_emulator(context: Context, state: Path | None) -> EmulatorHandle:
    """The running emulator; raises EmulatorNotRunningError."""
    handle = find_running(state_directory(context, state))
    if handle is None:
        other = "" if state else ". For another state directory, use --state DIR."
        raise EmulatorNotRunningError(
            f"Run: outreply emulator start{state_flag(context, state)}{other}"
        )
    return handle


def state_flag(context: Context, state: Path | None) -> str:
    """The option `--state` for hints, with a space before it; empty if it is not required."""
    return f" --state {shlex.quote(str(state_directory(context, state)))}" if state else ""


def print_started(context: Context, state: Path | None, handle: EmulatorHandle) -> None:
    """Store the profile of an emulator that has just started, and show how to use it."""
    status = handle.request("status")
    save_and_show(context, state, handle, status)
    if active_token(status) is not None:
        context.info(f"Use it with: outreply pages list --profile {EMULATOR_PROFILE}")


def save_and_show(
    context: Context, state: Path | None, handle: EmulatorHandle, status: dict[str, Any]
) -> None:
    """Store the profile `emulator` with an active token, if there is one, and show the emulator.

    No profile is stored for `emulator exec`: its command has the token in the environment. `state`
    is the option `--state`, for a hint.
    """
    is_temporary = STATE_VARIABLE in context.environ
    if is_temporary and context.environ.get("OUTREPLY_BASE_URL") == handle.base_url:
        show_emulator(context, handle, status)
        return
    credentials, token = Credentials(context.environ, context.config_dir), active_token(status)
    with Profiles.edit(context.config_file) as profiles:
        known = profiles.stored.get(EMULATOR_PROFILE, Profile(EMULATOR_PROFILE))
        profile = replace(known, base_url=handle.base_url, storage="file")
        if token is None:
            credentials.delete(profile)
            context.warn(
                "the emulator has no active token; run: outreply emulator token --name NAME"
                f"{state_flag(context, state)}"
            )
        else:
            credentials.save(EMULATOR_PROFILE, Token(token), "file")
        profiles.stored[EMULATOR_PROFILE] = profile
    show_emulator(context, handle, status)


def update_profile(
    context: Context, handle: EmulatorHandle, status: Mapping[str, Any]
) -> str | None:
    """Store an active token in the profile `emulator` if its own no longer works, and return it.

    Returns None if the emulator has no active token. The profile is kept if it is that of another
    emulator, or signed out.
    """
    profile = context.profiles.stored.get(EMULATOR_PROFILE)
    token = active_token(status)
    is_own = profile is not None and profile.base_url == handle.base_url
    if profile is None or not is_own or profile.storage is None or token is None:
        return token
    credentials = Credentials(context.environ, context.config_dir)
    stored = credentials.load(profile)
    if stored is not None and stored.token.reveal() in {row["token"] for row in status["tokens"]}:
        return stored.token.reveal()
    credentials.save(EMULATOR_PROFILE, Token(token), "file")
    context.info(
        f"Stored another token in the profile {EMULATOR_PROFILE!r}; the old one is not active."
    )
    return token


def active_token(status: Mapping[str, Any]) -> str | None:
    """The first active token with full access, else the oldest active one, or None."""
    return next((str(token["token"]) for token in status["tokens"]), None)


def show_emulator(context: Context, handle: EmulatorHandle, status: dict[str, Any]) -> None:
    """Show the URL, token, profile, time and posts of an emulator."""
    address = {name: value for name, value in asdict(handle).items() if name != "admin_key"}
    context.output.print_one(
        {**address, **status, "profile": EMULATOR_PROFILE},
        [
            Column("URL", "base_url"),
            Column("Token", "tokens", lambda item: active_token(item) or "none"),
            Column("Profile", "profile"),
            time_column(context),
            Column(
                "Posts", "posts",
                lambda item: ", ".join(f"{count} {name}" for name, count in item["posts"].items()),
            ),
            Column("PID", "pid"),
        ],
        id_field="base_url",
    )  # fmt: skip


def token_settings(
    scopes: str | None, expires_in: str | None, brands: str | None, allow_ip: str | None
) -> dict[str, Any]:
    """The settings of a token for the admin API, without those that are not given."""
    settings: dict[str, Any] = {}
    for name, text, everything in (
        ("scopes", scopes, None), ("brands", brands, "all"), ("ip_allowlist", allow_ip, "any"),
    ):  # fmt: skip
        if text is not None:
            words = [] if text == everything else text.split(",")
            settings[name] = [word.strip() for word in words if word.strip()]
    if expires_in is not None:
        never = expires_in == "never"
        settings["expires_in"] = None if never else parse_duration(expires_in).total_seconds()
    return settings


def token_columns(context: Context) -> list[Column]:
    """The columns of a token."""
    zone = context.display_zone
    return [
        Column("ID", "id"),
        Column("Name", "name"),
        Column("Status", "status"),
        Column("Scopes", "scopes", lambda item: ",".join(item["scopes"]), shrinkable=True),
        Column("Brands", "brand_ids", lambda item: ",".join(item["brand_ids"]) or "all"),
        Column("Addresses", "ip_allowlist", lambda item: ",".join(item["ip_allowlist"]) or "any"),
        Column("Expires", "expires_at",
               lambda item: format_api_time(item["expires_at"] or "never", zone)),
        Column("Collaborator", "collaborator"),
    ]  # fmt: skip


def show_clock(context: Context, item: Item) -> None:
    """Show the emulator's time and whether it is frozen."""
    columns = [time_column(context), Column("Frozen", "frozen")]
    context.output.print_one(item, columns, id_field=None)


def time_column(context: Context) -> Column:
    """The column with the emulator's time in the user's time zone."""
    return Column("Time", "now", lambda item: format_api_time(item["now"], context.display_zone))
