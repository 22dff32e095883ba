"""`outreply auth`: sign in and out, and switch between accounts."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outreply_cli.cli.options import Yes, command, new_group
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError
from outreply_cli.ui.output import Column

if TYPE_CHECKING:
    from outreply_cli.accounts.login import SignedIn
    from outreply_cli.spec.token import Token

app = new_group("Sign in and out, and switch between accounts.")

_LIST = (
    Column("Profile", "name", style=lambda profile: "bold" if profile["current"] else ""),
    Column("Current", "current", lambda profile: "yes" if profile["current"] else ""),
    Column("API", "base_url", lambda profile: str(profile["base_url"] or "default"), flexible=True),
    Column("Time zone", "timezone", lambda profile: str(profile["timezone"] or "this machine's")),
    Column("Token in", "storage", lambda profile: str(profile["storage"] or "nowhere")),
)


@command(app, "login")
def auth_login(
    session: Session,
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Read the token from stdin.")
    ] = False,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the API lives, if elsewhere.")
    ] = None,
    insecure_storage: Annotated[
        bool,
        typer.Option(
            "--insecure-storage", help="Keep the token in a file only you can read, not a keyring."
        ),
    ] = False,
    tz: Annotated[
        str | None, typer.Option("--tz", metavar="ZONE", help="The account's time zone.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Sign in: the token is checked with the API before it is stored.

    Without --with-token it is asked for, and not shown.

    Example: outreply auth login --with-token < token.txt

    Example: outreply auth login --with-token --profile agency --tz Europe/Paris < token.txt
    """
    from outreply_cli.accounts.credentials import Credentials
    from outreply_cli.accounts.login import sign_in
    from outreply_cli.accounts.profiles import Profile, check_profile_name
    from outreply_cli.completion.cache_writer import begin_account
    from outreply_cli.spec.token import Token
    from outreply_cli.times import read_zone

    if not with_token and not session.can_ask:
        raise InvalidInputError(
            "nobody can be asked for the token here",
            hint="Give it on stdin: outreply auth login --with-token < FILE",
        )
    token = Token(session.stdin.readline() if with_token else session.ask_secret("API token: "))
    profiles = session.profiles
    variable = session.environ.get("OUTREPLY_PROFILE")
    name = check_profile_name(session.choices.profile or variable or profiles.current)
    base_url = base_url or session.environ.get("OUTREPLY_BASE_URL") or None
    session.question_token(token, base_url, accepted=yes)
    profile = Profile(name, base_url, read_zone(tz).key if tz else None)
    signed_in = sign_in(
        session.client_for(token, base_url),
        token,
        profiles=profiles,
        credentials=Credentials(session.environ, session.config_dir),
        profile=profile,
        insecure_storage=insecure_storage,
        may_use_file=lambda problem: (
            session.can_ask
            and session.ask(f"Note: {problem.message}. Keep it in a file only you can read?")
        ),
    )
    begin_account(session.known_values_file(name), may_refresh=not token.is_sandbox)
    session.note(
        f"Signed in as {signed_in.email} with the key {signed_in.key_name!r} "
        f"(profile {signed_in.profile!r}, token in {signed_in.place})."
    )
    _note_powers(session, signed_in)
    _note_sandbox(session, token)


@command(app, "status")
def auth_status(session: Session) -> None:
    """Show who you are here, with which token, and whether it works.

    Exits 4 when it does not work.

    Example: outreply auth status

    Example: outreply auth status --json
    """
    from outreply_cli.accounts.login import who_am_i
    from outreply_cli.times import show_api_instant

    account = session.account
    facts = who_am_i(session.client())
    credential = account.credential
    zone = session.zone()
    expires = facts["expires_at"]
    item: dict[str, Any] = {
        **facts,
        "profile": account.profile.name if account.profile else None,
        "base_url": session.client().transport.base_url,
        "token_source": credential.source,
        "token_place": credential.place,
    }
    session.output.show_one(
        item,
        [
            Column("Account", "email", lambda it: f"{it['name']} <{it['email']}>".strip()),
            Column("Profile", "profile", lambda it: str(it["profile"] or "none")),
            Column("API", "base_url"),
            Column("Key", "key_name"),
            Column("Token", "prefix", lambda it: f"{it['prefix']}…"),
            Column("From", "token_place", lambda it: f"{it['token_source']}: {it['token_place']}"),
            Column("Scopes", "scopes", lambda it: ", ".join(map(str, it["scopes"]))),
            Column("Expires", "expires_at",
                   lambda _: show_api_instant(expires, zone) if expires else "never"),
            Column("Tier", "tier", lambda it: str(it["tier"] or "unknown (needs read:account)")),
        ],
        id_field=None,
    )  # fmt: skip
    _note_sandbox(session, credential.token)


@command(app, "list", api=False)
def auth_list(session: Session) -> None:
    """List the accounts that are stored on this machine.

    Example: outreply auth list

    Example: outreply auth list --fields name,timezone -o csv
    """
    profiles = session.profiles
    items = [
        {
            "name": profile.name,
            "current": profile.name == profiles.current,
            "base_url": profile.base_url,
            "timezone": profile.timezone,
            "storage": profile.storage,
        }
        for profile in profiles.stored.values()
    ]
    session.output.show_list(items, _LIST, id_field="name")
    if not items:
        session.note("No account is stored here. Sign in with: outreply auth login")


@command(app, "switch", api=False)
def auth_switch(
    session: Session, name: Annotated[str, typer.Argument(metavar="N", help="The profile.")]
) -> None:
    """Choose the account that is used when none is named.

    Example: outreply auth switch emulator

    Example: outreply auth switch $(outreply auth list -q | head -n 1)
    """
    profiles = session.profiles
    profiles.current = profiles.named(name).name
    profiles.save()
    session.note(f"Now using the profile {name!r}.")


@command(app, "logout")
def auth_logout(session: Session) -> None:
    """Forget the token of an account, on this machine; the token itself stays valid.

    Example: outreply auth logout

    Example: outreply auth logout --profile agency
    """
    from outreply_cli.accounts.credentials import Credentials

    profiles = session.profiles
    profile = profiles.named(session.profile_name)
    Credentials(session.environ, session.config_dir).forget(profile)
    profiles.stored[profile.name] = replace(profile, storage=None)
    profiles.save()
    session.known_values_file(profile.name).unlink(missing_ok=True)
    session.note(f"Signed out of {profile.name!r}. Revoke the token in the dashboard if it leaked.")


@command(app, "token")
def auth_token(session: Session) -> None:
    """Print the token, for a pipe into another program.

    Example: outreply auth token --profile emulator

    Example: OUTREPLY_API_KEY=$(outreply auth token) outreply auth status
    """
    session.output.show_text(session.account.credential.token.reveal())


def _note_powers(session: Session, signed_in: "SignedIn") -> None:
    from outreply_cli.commands.auth_output import powers_of
    from outreply_cli.times import show_api_instant

    for line in powers_of(signed_in.scopes):
        session.note(line)
    if signed_in.expires_at:
        session.note(f"It expires on {show_api_instant(signed_in.expires_at, session.zone())}.")


def _note_sandbox(session: Session, token: "Token") -> None:
    if token.is_sandbox:
        session.note("This is a sandbox token: it only reads, 100 requests in its whole life.")
