"""The context passed to commands: streams, options, account, clock."""

import io
import math
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from outreply_cli.accounts.profiles import CONFIG_FILE, Profile, Profiles
from outreply_cli.clock import Clock, SystemClock
from outreply_cli.env import SECRET_VARIABLES, STORE_URL_VARIABLE
from outreply_cli.errors import (
    InvalidInputError,
    NotSignedInError,
    OutReplyError,
    TimeError,
    unknown_choice_error,
)
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.paths import user_config_dir, user_state_dir
from outreply_cli.snippets import TOOLS
from outreply_cli.ui.fields import check_fields, parse_fields
from outreply_cli.ui.files import read_text_file
from outreply_cli.ui.options import GlobalOptions
from outreply_cli.ui.output import FORMATS, Output
from outreply_cli.ui.streams import is_terminal, terminal_width, use_utf8

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from outreply_cli.accounts.keyring import KeyringStore
    from outreply_cli.accounts.resolve import Account
    from outreply_cli.accounts.store_password import StorePassword
    from outreply_cli.api.client import Client, ClientObserver
    from outreply_cli.api.rate_limit import RateLimiter
    from outreply_cli.api.transport import RequestRecord
    from outreply_cli.completion.cache_writer import CacheUpdate
    from outreply_cli.journal.models import Origin
    from outreply_cli.journal.store import Store
    from outreply_cli.spec.token import Token

DEFAULT_MAX_WAIT = 60.0
# Shorter waits print no message.
_REPORTED_WAIT_SECONDS = 2.0
# Longer waits print a message everywhere.
_LONG_WAIT_SECONDS = 30.0


@dataclass(eq=False, repr=False)
class Context:
    """The environment of a command; expensive parts are created on first use.

    Attributes:
        environ: The environment variables.
        stdin, stdout, stderr: The standard streams.
        clock: Time, sleep and randomness.
        options: The values of the global options.
        is_configured: Whether the options were parsed.
        command: The words of the command, such as `bulk schedule`.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    # A stream that was closed before the start is None.
    stdin: TextIO = field(default_factory=lambda: sys.stdin or io.StringIO())
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Clock = field(default_factory=SystemClock)
    options: GlobalOptions = field(default_factory=GlobalOptions)
    is_configured: bool = False
    command: str = ""
    _schema: Mapping[str, Any] | None = None
    _checks_fields: bool = True
    _client: "Client | None" = None
    _clients: "list[Client]" = field(default_factory=list)
    _tokens: "list[Token]" = field(default_factory=list)
    _cache_update: "CacheUpdate | None" = None
    _reported_wait_end: float = -math.inf

    def configure(self, options: GlobalOptions) -> None:
        """Apply the global options; raises InvalidInputError for an invalid value."""
        if options.output not in FORMATS:
            raise unknown_choice_error("format", options.output, FORMATS, option="--output")
        if options.fields is not None and not parse_fields(options.fields):
            raise InvalidInputError("--fields is empty", hint="For example: --fields id,message")
        if options.print_as is not None:
            if options.print_as not in TOOLS:
                raise unknown_choice_error("tool", options.print_as, TOOLS, option="--print")
            if options.output != "table" or options.fields or options.quiet:
                raise InvalidInputError(
                    "--print prints text for another tool, and does not support other formats",
                    hint="Remove --output, --json, --fields or --quiet.",
                )
        self.options, self.is_configured = options, True
        if options.output != "table" and isinstance(self.stdout, io.TextIOWrapper):
            # Programs read these formats, on a terminal too: `script`, an editor's shell.
            use_utf8(self.stdout)

    def declare_result(self, schema: Mapping[str, Any], *, is_open: bool) -> None:
        """Check `--fields` against the JSON Schema of the result.

        Args:
            schema: The schema.
            is_open: Whether the objects may have further fields, so that an unknown field is an
                error only if no printed object has it.

        Raises:
            InvalidInputError: A field is unknown.
        """
        if self.options.output != "json" and "rows" in schema.get("properties", {}):
            # Other formats print the rows only.
            schema = schema["properties"]["rows"]
        if self.options.fields is not None and not is_open:
            check_fields(parse_fields(self.options.fields), schema)
        self._schema, self._checks_fields = schema, is_open

    @property
    def wants_json(self) -> bool:
        """Whether the format is JSON or JSON Lines."""
        return self.options.output in {"json", "jsonl"}

    @property
    def config_dir(self) -> Path:
        """The directory of the config file."""
        return Path(user_config_dir(self.environ))

    @property
    def config_file(self) -> Path:
        """The config file."""
        return self.config_dir / CONFIG_FILE

    @property
    def state_dir(self) -> Path:
        """The directory of the journal and other state."""
        return Path(user_state_dir(self.environ))

    @cached_property
    def store(self) -> "Store":
        """The store of the journal: that of OUTREPLY_STORE_URL, or of the profile."""
        from outreply_cli.journal.store import Store

        return Store(self.state_dir, self.store_url, self.origin, self.clock, self.store_password)

    @cached_property
    def store_password(self) -> "StorePassword":
        """The password of the team's store in the system keyring."""
        from outreply_cli.accounts.store_password import KEYRING_HINT, StorePassword

        return StorePassword(self.keyring(hint=KEYRING_HINT))

    @property
    def store_url(self) -> str | None:
        """The URL of the team's store, if there is one."""
        from outreply_cli.accounts.resolve import resolve_store_url

        return resolve_store_url(self._valid_profile, self.options.profile, self.environ)

    @property
    def origin(self) -> "Origin":
        """User, command and host, for the log of the store."""
        import getpass
        import platform

        from outreply_cli.journal.models import Origin

        user = ""
        # A container's user may have no name, and Windows has no `pwd`.
        with suppress(KeyError, OSError, ImportError):
            user = getpass.getuser()
        return Origin(platform.node(), user, self.command)

    @property
    def profiles(self) -> Profiles:
        """The stored profiles, read from the config file."""
        return Profiles.load(self.config_file)

    @property
    def profile(self) -> Profile | None:
        """The stored profile that the command uses, or None.

        Raises:
            InvalidInputError: The profile that was named is not stored.
        """
        from outreply_cli.accounts.resolve import resolve_profile

        return resolve_profile(self.profiles, self.options.profile, self.environ)

    @property
    def _valid_profile(self) -> Profile | None:
        # A token of the environment needs no profile, not even a valid one.
        with suppress(InvalidInputError):
            return self.profile
        return None

    @property
    def profile_name(self) -> str:
        """The name of the profile that the command uses, stored or not."""
        profile = self.profile
        return profile.name if profile is not None else self.profiles.current

    @property
    def output(self) -> Output:
        """The output of results: stdout, in the requested format."""
        fields = self.options.fields
        on_terminal = is_terminal(self.stdout)
        return Output(
            stream=self.stdout,
            format=self.options.output,
            fields=None if fields is None else parse_fields(fields),
            schema=self._schema,
            checks_fields=self._checks_fields,
            quiet=self.options.quiet,
            is_terminal=on_terminal,
            color=on_terminal and self._allows_color,
            plain=self.options.plain or self.environ.get("TERM") == "dumb",
            width=terminal_width(self.stdout, self.environ),
        )

    @property
    def notes(self) -> Output:
        """The output of progress and notes: stderr, as tables."""
        on_terminal = is_terminal(self.stderr)
        return replace(
            self.output,
            stream=self.stderr,
            format="table",
            fields=None,
            is_terminal=on_terminal,
            color=on_terminal and self._allows_color,
            width=terminal_width(self.stderr, self.environ),
        )

    @property
    def is_interactive(self) -> bool:
        """Whether the user can be prompted."""
        return is_terminal(self.stdin) and is_terminal(self.stderr)

    @cached_property
    def account(self) -> "Account":
        """The account that the command uses.

        Raises:
            NotSignedInError: No token is available, or an unrecognized one was not confirmed.
        """
        from outreply_cli.accounts.resolve import resolve_account

        account = resolve_account(
            self.config_dir, self.environ, self.options.profile, self.keyring()
        )
        if account.credential.source == "environment":
            self.confirm_unrecognized_token(account.credential.token, account.base_url)
        self._tokens.append(account.credential.token)
        return account

    def keyring(self, hint: str | None = None) -> "KeyringStore":
        """The system keyring; at a terminal, it waits for a person to unlock it."""
        from outreply_cli.accounts.keyring import KeyringStore

        report = partial(
            self.info,
            "Waiting for the system keyring, which may ask for a password in another window. "
            "Press Ctrl-C to stop.",
        )
        return KeyringStore(hint=hint, on_wait=report if is_terminal(self.stderr) else None)

    def client(
        self,
        *,
        max_wait: float | None = DEFAULT_MAX_WAIT,
        gives_up: bool = True,
        clock: Clock | None = None,
        is_stopped: Callable[[], bool] | None = None,
    ) -> "Client":
        """The account's client.

        Args:
            max_wait: Seconds after which it gives up retrying, unless `--max-wait` is given; None
                for no limit.
            gives_up: Whether it gives up after several failures even within that time.
            clock: The clock that waits; the context's own by default.
            is_stopped: Whether the run was stopped; requests then end within seconds.
        """
        if self._client is None:
            account = self.account
            from outreply_cli.completion.cache_writer import CacheUpdate

            self._cache_update = CacheUpdate(self.completion_cache_path())
            self._client = self.client_for(
                account.credential.token,
                account.base_url,
                max_wait=max_wait,
                gives_up=gives_up,
                clock=clock,
                observer=self._cache_update,
                is_stopped=is_stopped,
                sign_in_hint=account.sign_in_hint(self.profiles.current),
            )
        return self._client

    def client_for(
        self,
        token: "Token | None",
        base_url: str | None,
        *,
        max_wait: float | None = DEFAULT_MAX_WAIT,
        gives_up: bool = True,
        clock: Clock | None = None,
        observer: "ClientObserver | None" = None,
        is_stopped: Callable[[], bool] | None = None,
        sign_in_hint: str | None = None,
    ) -> "Client":
        """A client for a token and a base URL; it is closed with the context.

        `sign_in_hint` is the command or variable that replaces the token, for hints.
        """
        from outreply_cli.api.base_url import DEFAULT_BASE_URL
        from outreply_cli.api.client import Client
        from outreply_cli.api.hints import SIGN_IN
        from outreply_cli.api.retry import RetryPolicy
        from outreply_cli.api.transport import Transport

        url, clock = base_url or DEFAULT_BASE_URL, clock or self.clock
        is_per_command = max_wait is not None
        if self.options.max_wait is not None:
            from outreply_cli.times import parse_duration

            max_wait = parse_duration(self.options.max_wait).total_seconds()
        limiter: RateLimiter | None = None
        if token is not None:
            limiter = self._rate_limiter(token, url, clock)
            self._tokens.append(token)
        client = Client(
            Transport(
                base_url=url,
                token=token,
                clock=clock,
                retry_policy=RetryPolicy(
                    max_wait=max_wait,
                    max_failures=RetryPolicy.max_failures if gives_up else sys.maxsize,
                    # Commands that run long have a limit for each request.
                    cuts_attempts=self.options.max_wait is not None,
                    is_per_command=is_per_command,
                ),
                on_request=self.log_request if self.options.verbose else None,
                # Commands without a limit draw a progress bar or run unattended.
                on_wait=partial(
                    self.report_wait,
                    is_short_shown=is_per_command,
                    long_wait=_LONG_WAIT_SECONDS if gives_up else _REPORTED_WAIT_SECONDS,
                ),
                rate_limiter=limiter,
                is_stopped=is_stopped,
                sign_in_hint=sign_in_hint or SIGN_IN,
            ),
            observer,
        )
        self._clients.append(client)
        return client

    def _rate_limiter(self, token: "Token", url: str, clock: Clock) -> "RateLimiter":
        if self.store_url is not None:
            from outreply_cli.api.team_rate_limit import TeamRateLimiter

            return TeamRateLimiter(self.store.database(), token, url, clock)
        from outreply_cli.api.rate_limit import MachineRateLimiter

        return MachineRateLimiter(self.state_dir / "rate_limit.db", token, url, clock)

    def confirm_unrecognized_token(
        self, token: "Token", base_url: str | None, *, accepted: bool = False
    ) -> None:
        """Ask before a token with an unknown prefix is sent to another machine.

        Raises:
            NotSignedInError: The token was not confirmed.
        """
        if token.known_prefix is not None or accepted:
            return
        if base_url is not None:
            from outreply_cli.api.base_url import check_base_url, is_local_url

            if is_local_url(check_base_url(base_url)):
                return
        question = "The token does not start with outreply_live_. Send it anyway?"
        if self.is_interactive and self.prompt_yes_no(question):
            return
        raise NotSignedInError(
            "the token does not start with outreply_live_",
            hint="Copy the token from the dashboard again. If it is correct, store it with: "
            "outreply auth login --yes --profile NAME",
        )

    def zone(self, tz: str | None = None) -> "ZoneInfo":
        """The time zone of local times: `tz`, else OUTREPLY_TIMEZONE, the profile's, the machine's.

        Raises:
            TimeError: The name is not a time zone.
        """
        from outreply_cli.times import BRAND_ZONE, machine_zone, parse_zone

        if tz == BRAND_ZONE:
            raise TimeError(
                f"{tz!r} is only for commands that schedule posts or slots",
                hint="Name a time zone, such as Europe/Paris.",
            )
        if tz:
            return parse_zone(tz)
        if variable := self.environ.get("OUTREPLY_TIMEZONE"):
            try:
                return parse_zone(variable)
            except TimeError as error:
                raise error.replace(message=f"OUTREPLY_TIMEZONE: {error.message}") from None
        profile = self._valid_profile
        return parse_zone(profile.timezone) if profile and profile.timezone else machine_zone()

    @property
    def display_zone(self) -> "ZoneInfo":
        """The time zone of times shown after a change: `zone`, or UTC if it is not usable."""
        from outreply_cli.times import parse_zone

        try:
            return self.zone()
        except TimeError:
            return parse_zone("UTC")

    def echo_err(self, text: str) -> None:
        """Write `text` to stderr with all secrets redacted."""
        from outreply_cli.ui.redact import redact

        self.stderr.write(redact(text, self.known_secrets))

    def info(self, text: str) -> None:
        """Print a note on stderr; `-q` suppresses it."""
        if not self.options.quiet:
            self.echo_err(sanitize(text, keep_lines=True) + "\n")

    def report(self, item: Mapping[str, Any], note: str) -> None:
        """Print `note` on stderr for people, or `item` in the formats for programs."""
        if self.options.output == "table":
            self.info(note)
        else:
            self.output.print_data(item)

    def warn(self, text: str) -> None:
        """Print a warning on stderr."""
        self.echo_err(f"Warning: {sanitize(text)}\n")

    def prompt_yes_no(self, question: str) -> bool:
        """Ask a yes-or-no question; Enter means no."""
        return (self.prompt(f"{question} [y/N] ") or "").lower() in {"y", "yes"}

    def prompt(self, prompt: str) -> str | None:
        """Read a line from the user, stripped; None at the end of the input."""
        self.stderr.write(sanitize(prompt))
        self.stderr.flush()
        line = self.stdin.readline()
        return line.strip() if line else None

    def prompt_secret(self, prompt: str) -> str:
        """Read a line from the user without echoing it."""
        import getpass

        return getpass.getpass(sanitize(prompt), stream=self.stderr)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask for a confirmation unless `yes`.

        Raises:
            InvalidInputError: The user declined or cannot be asked.
        """
        if yes:
            return
        if not self.is_interactive:
            raise InvalidInputError(
                f"confirmation required: {question}",
                hint="Use --yes to confirm.",
            )
        if not self.prompt_yes_no(question):
            raise InvalidInputError("cancelled; nothing was changed")

    @property
    def stdin_bytes(self) -> BinaryIO:
        """Stdin as undecoded bytes."""
        raw: BinaryIO | None = getattr(self.stdin, "buffer", None)
        return raw or io.BytesIO(self.stdin.read().encode("utf-8", "surrogateescape"))

    def read_text(self, name: str) -> str:
        """Read a text file, or stdin for `-`; raises InvalidInputError."""
        return read_text_file(name, self.stdin_bytes)

    def read_line(self) -> str:
        """Read the first line of stdin; at a terminal, the input ends with it."""
        if is_terminal(self.stdin):
            return self.stdin.readline().rstrip("\r\n")
        return self.read_text("-").partition("\n")[0].rstrip("\r")

    def log_request(self, record: "RequestRecord") -> None:
        """Print a request on stderr, for `--verbose`."""
        line = f"{record.method} {record.path} {record.outcome} {record.latency_ms:.0f} ms"
        if record.requests_left is not None:
            line += f", {record.requests_left} requests left this minute"
        if record.retry_in is not None:
            line += f", retrying in {record.retry_in:.1f} s"
        self.echo_err(sanitize(line) + "\n")

    def report_wait(
        self,
        seconds: float,
        reason: str,
        *,
        is_short_shown: bool = True,
        long_wait: float = _LONG_WAIT_SECONDS,
    ) -> None:
        """Print why the command waits, if it waits for `long_wait` seconds.

        A shorter wait is printed on a terminal only, if `is_short_shown`. Otherwise, only one of
        several threads that wait at the same time prints it.
        """
        is_shown = is_short_shown and is_terminal(self.stderr)
        if seconds < (_REPORTED_WAIT_SECONDS if is_shown else long_wait):
            return
        end = self.clock.monotonic() + seconds
        if not is_short_shown and end < self._reported_wait_end + _LONG_WAIT_SECONDS:
            return
        self._reported_wait_end = end
        from outreply_cli.times import format_duration

        duration = format_duration(timedelta(seconds=math.ceil(seconds)))
        self.info(f"{reason[:1].upper()}{reason[1:]}; retrying in {duration}")

    def completion_cache_path(self, profile: str | None = None) -> Path:
        """The completion cache of an account; of the one that the command uses by default."""
        from outreply_cli.completion.cache import account_file

        flag = profile or self.options.profile
        current = "" if flag else self.profiles.current
        return Path(account_file(self.state_dir, self.environ, flag=flag, current=current))

    def close(self) -> None:
        """Close the clients and save what completion may offer next time."""
        for client in self._clients:
            client.transport.close()
        if self._cache_update is None:
            return
        now = self.clock.now().timestamp()
        is_sandbox = self.account.credential.token.is_sandbox
        # Best effort: a failed save does not fail the command.
        with suppress(OutReplyError):
            self._cache_update.save(now, allow_refresh=not is_sandbox)

    @property
    def known_secrets(self) -> list[str]:
        """The secrets of the environment and of accounts, to hide in everything that is printed."""
        secrets = [self.environ.get(name, "").strip() for name in SECRET_VARIABLES]
        secrets.append(self.environ.get("PGPASSWORD", ""))
        # The password and URL of a profile are known once they are used.
        used = vars(self)
        if "store_password" in used:
            secrets.append(self.store_password.known)
        store_url = self.store.url if "store" in used else self.environ.get(STORE_URL_VARIABLE)
        if store_url:
            from urllib.parse import parse_qs, unquote, urlsplit

            with suppress(ValueError):
                parts = urlsplit(store_url)
                password = parts.password or ""
                secrets += [password, unquote(password), *parse_qs(parts.query).get("password", [])]
        return secrets + [token.reveal() for token in self._tokens]

    @property
    def _allows_color(self) -> bool:
        disabled = self.options.no_color or self.options.plain or self.environ.get("NO_COLOR")
        return not disabled and self.environ.get("TERM") != "dumb"
