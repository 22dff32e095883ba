"""The one object that a command is handed: who it acts as, where it writes, what time it is."""

import io
import math
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from outreply_cli.accounts.profiles import CONFIG_FILE, Profile, Profiles
from outreply_cli.clock import Clock, SystemClock
from outreply_cli.env import SECRET_VARIABLES
from outreply_cli.errors import (
    InvalidInputError,
    NotLoggedInError,
    OutReplyError,
    TimeError,
)
from outreply_cli.paths import config_dir, state_dir
from outreply_cli.ui.fields import parse_fields
from outreply_cli.ui.files import read_text_file, write_text_file
from outreply_cli.ui.options import GlobalOptions
from outreply_cli.ui.output import FORMATS, Output
from outreply_cli.ui.sanitize import sanitize
from outreply_cli.ui.streams import is_terminal, terminal_width

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from outreply_cli.accounts.resolve import Account
    from outreply_cli.api.client import Client, ClientObserver
    from outreply_cli.api.rate_limit import RateLimiter
    from outreply_cli.api.transport import RequestRecord
    from outreply_cli.completion.cache_writer import CacheUpdate
    from outreply_cli.spec.token import Token

DEFAULT_MAX_WAIT = 60.0
# Until then nobody wonders whether it hangs.
_NOTICED_SECONDS = 2.0


@dataclass(eq=False, repr=False)
class Context:
    """Everything a command needs from outside, each costly part made on first use.

    Attributes:
        environ: The environment's variables.
        stdin, stdout, stderr: The streams; whether one is a terminal is asked of itself.
        clock: Time, waiting and chance.
        options: What the options said.
        is_configured: Whether they could be read.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    # One that was closed before we began is None.
    stdin: TextIO = field(default_factory=lambda: sys.stdin or io.StringIO())
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Clock = field(default_factory=SystemClock)
    options: GlobalOptions = field(default_factory=GlobalOptions)
    is_configured: bool = False
    _account: "Account | None" = None
    _client: "Client | None" = None
    _opened: "list[Client]" = field(default_factory=list)
    _tokens: "list[Token]" = field(default_factory=list)
    _cache_update: "CacheUpdate | None" = None

    def configure(self, choices: GlobalOptions) -> None:
        """Take what the options said; raises InvalidInputError for what can't be meant."""
        if choices.output not in FORMATS:
            raise InvalidInputError(
                f"--output {choices.output!r} is no format", hint=f"Choose: {', '.join(FORMATS)}"
            )
        if choices.fields is not None and not parse_fields(choices.fields):
            raise InvalidInputError("--fields names no field", hint="Such as: --fields id,message")
        self.options, self.is_configured = choices, True

    @property
    def wants_json(self) -> bool:
        """Whether the answer is for a program."""
        return self.options.output in {"json", "jsonl"}

    @property
    def config_dir(self) -> Path:
        """Where profiles are kept."""
        return config_dir(self.environ)

    @property
    def state_dir(self) -> Path:
        """Where journals and the emulator are kept."""
        return state_dir(self.environ)

    @property
    def profiles(self) -> Profiles:
        """The config file, as it is now."""
        return Profiles.load(self.config_dir / CONFIG_FILE)

    @property
    def profile(self) -> Profile | None:
        """The stored profile that a command acts for, if there is one.

        Raises:
            InvalidInputError: One is named that is not stored.
        """
        from outreply_cli.accounts.resolve import resolve_profile

        return resolve_profile(self.profiles, self.options.profile, self.environ)

    @property
    def output(self) -> Output:
        """Where results go."""
        fields = self.options.fields
        on_terminal = is_terminal(self.stdout)
        return Output(
            stream=self.stdout,
            format=self.options.output,
            fields=None if fields is None else parse_fields(fields),
            quiet=self.options.quiet,
            is_terminal=on_terminal,
            color=on_terminal and self._colors_allowed,
            plain=self.options.plain or self.environ.get("TERM") == "dumb",
            width=terminal_width(self.stdout, self.environ),
        )

    @property
    def notes(self) -> Output:
        """Where what is not a result goes: stderr, for people, in their format."""
        on_terminal = is_terminal(self.stderr)
        return replace(
            self.output,
            stream=self.stderr,
            format="table",
            fields=None,
            is_terminal=on_terminal,
            color=on_terminal and self._colors_allowed,
            width=terminal_width(self.stderr, self.environ),
        )

    @property
    def is_interactive(self) -> bool:
        """Whether there is a person to answer a question."""
        return is_terminal(self.stdin) and is_terminal(self.stderr)

    @property
    def account(self) -> "Account":
        """Who the command acts as.

        Raises:
            NotSignedInError: There is no token, or a doubtful one that nobody confirms.
        """
        if self._account is None:
            from outreply_cli.accounts.resolve import resolve_account

            account = resolve_account(self.config_dir, self.environ, self.options.profile)
            if account.credential.source == "environment":
                self.confirm_unrecognized_token(account.credential.token, account.base_url)
            self._account = account
        return self._account

    def client(self, *, patient: bool = False, clock: Clock | None = None) -> "Client":
        """The account's client.

        Args:
            patient: Whether waits for a limit go on as long as it takes, unless `--max-wait`
                says otherwise.
            clock: What waits; the session's by default.
        """
        if self._client is None:
            account = self.account
            from outreply_cli.completion.cache_writer import CacheUpdate

            self._cache_update = CacheUpdate(self.completion_cache_path())
            self._client = self.client_for(
                account.credential.token,
                account.base_url,
                max_wait=None if patient else DEFAULT_MAX_WAIT,
                clock=clock,
                observer=self._cache_update,
            )
        return self._client

    def client_for(
        self,
        token: "Token | None",
        base_url: str | None,
        *,
        max_wait: float | None = DEFAULT_MAX_WAIT,
        clock: Clock | None = None,
        observer: "ClientObserver | None" = None,
    ) -> "Client":
        """A client with `token` for `base_url` that waits `max_wait` seconds unless told otherwise.

        It is closed with the session, and tells `observer` of what passes.
        """
        from outreply_cli.api.base_url import DEFAULT_BASE_URL
        from outreply_cli.api.client import Client
        from outreply_cli.api.retry import RetryPolicy
        from outreply_cli.api.transport import Transport

        client = Client(
            Transport(
                base_url=base_url or DEFAULT_BASE_URL,
                token=token,
                clock=clock or self.clock,
                patience=RetryPolicy(max_wait=self._max_wait(max_wait)),
                on_exchange=self.log_request if self.options.verbose else None,
                # Who is patient draws a bar, or is left alone for hours.
                on_pause=self.report_wait if max_wait is not None else None,
                budget=self._rate_limiter(token, base_url or DEFAULT_BASE_URL, clock or self.clock),
            ),
            observer,
        )
        self._opened.append(client)
        if token is not None:
            self._tokens.append(token)
        return client

    def confirm_unrecognized_token(
        self, token: "Token", base_url: str | None, *, accepted: bool = False
    ) -> None:
        """Ask before a token of an unknown kind is sent anywhere but to this machine.

        Raises:
            NotSignedInError: It is not confirmed.
        """
        if token.known_prefix is not None or accepted:
            return
        if base_url is not None:
            from outreply_cli.api.base_url import check_base_url, is_local_url

            if is_local_url(check_base_url(base_url)):
                return
        what = "the token does not look like OutReply's: it should start with outreply_live_"
        if self.is_interactive and self.prompt_yes_no(
            f"{what[:1].upper()}{what[1:]}. Send it all the same?"
        ):
            return
        raise NotLoggedInError(
            what,
            hint="Copy it again from the dashboard. If it is right all the same, store it with: "
            "outreply auth login --yes",
        )

    @property
    def profile_name(self) -> str:
        """The profile that a command acts for, stored or not."""
        profile = self.profile
        return profile.name if profile is not None else self.profiles.current

    def zone(self, tz: str | None = None) -> "ZoneInfo":
        """What local times are read and shown in: `tz`, environment, profile, machine."""
        from outreply_cli.times import machine_zone, parse_zone

        variable = self.environ.get("OUTREPLY_TIMEZONE")
        if not tz and variable:
            try:
                return parse_zone(variable)
            except TimeError as problem:
                raise TimeError(
                    f"OUTREPLY_TIMEZONE: {problem.message}", hint=problem.hint
                ) from None
        name = tz
        if not name:
            try:
                profile = self.profile
            except InvalidInputError:
                profile = None
            name = profile.timezone if profile else None
        return parse_zone(name) if name else machine_zone()

    def echo_err(self, text: str) -> None:
        """Write to stderr, whatever `text` quotes: a secret in it is never shown."""
        from outreply_cli.ui.redact import redact

        self.stderr.write(redact(text, self._secrets))

    def info(self, text: str) -> None:
        """Tell something that is not a result; `-q` leaves it out."""
        if not self.options.quiet:
            self.echo_err(sanitize(text, keep_lines=True) + "\n")

    def warn(self, text: str) -> None:
        """Tell something that needs attention."""
        self.echo_err(f"Warning: {sanitize(text)}\n")

    def prompt_yes_no(self, question: str) -> bool:
        """A question that is answered by yes or no; no is what Enter means."""
        self.stderr.write(f"{sanitize(question)} [y/N] ")
        self.stderr.flush()
        return self.stdin.readline().strip().lower() in {"y", "yes"}

    def prompt(self, prompt: str) -> str | None:
        """What is typed at `prompt`, without white space around it; None where nobody types."""
        self.stderr.write(sanitize(prompt))
        self.stderr.flush()
        line = self.stdin.readline()
        return line.strip() if line else None

    def prompt_secret(self, prompt: str) -> str:
        """What is typed at `prompt`, which the terminal does not show."""
        import getpass

        return getpass.getpass(prompt, stream=self.stderr)

    @property
    def stdin_bytes(self) -> BinaryIO:
        """Stdin as it comes, undecoded."""
        raw: BinaryIO | None = getattr(self.stdin, "buffer", None)
        return raw or io.BytesIO(self.stdin.read().encode("utf-8", "surrogateescape"))

    def read_text(self, name: str) -> str:
        """The text of the file called `name`, or of stdin for `-`; raises InvalidInputError."""
        return read_text_file(name, self.stdin)

    def write_text(self, path: Path, text: str) -> None:
        """Put `text` in the file at `path` as it is, or on stdout for `-`; raises StorageError."""
        if str(path) == "-":
            self.output.write_document(text)
        else:
            write_text_file(path, text)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on only when the person, or `--yes`, agrees; raises InvalidInputError otherwise."""
        if yes:
            return
        if not self.is_interactive:
            raise InvalidInputError(
                f"nobody can be asked here: {question}", hint="If so, add --yes."
            )
        if not self.prompt_yes_no(question):
            raise InvalidInputError("not confirmed; nothing was done")

    def log_request(self, exchange: "RequestRecord") -> None:
        """Write one request for `--verbose`."""
        line = (
            f"{exchange.method} {exchange.path} {exchange.outcome} {exchange.milliseconds:.0f} ms"
        )
        if exchange.budget_left is not None:
            line += f", {exchange.budget_left} requests left this minute"
        if exchange.retry_in is not None:
            line += f", again in {exchange.retry_in:.1f} s"
        self.echo_err(sanitize(line) + "\n")

    def report_wait(self, seconds: float, why: str) -> None:
        """Tell a person why nothing happens, when that lasts; a pipe waits in silence."""
        if seconds < _NOTICED_SECONDS or not is_terminal(self.stderr):
            return
        from outreply_cli.times import format_duration

        span = format_duration(timedelta(seconds=math.ceil(seconds)))
        self.info(f"{why[:1].upper()}{why[1:]}; it goes on in {span}")

    def completion_cache_path(self, profile: str | None = None) -> Path:
        """Where what was seen of an account is kept; by default that which a command acts for."""
        from outreply_cli.completion.cache import account_file

        flag = profile or self.options.profile
        current = "" if flag else self.profiles.current
        return Path(account_file(self.state_dir, self.environ, flag=flag, current=current))

    def close(self) -> None:
        """Give back what was opened, and keep what was seen for completion."""
        for client in self._opened:
            client.transport.close()
        if self._cache_update is None or self._account is None:
            return
        now = self.clock.now().timestamp()
        is_sandbox = self._account.credential.token.is_sandbox
        # It only helps to type: a disk that is full must not make a command fail.
        with suppress(OutReplyError):
            self._cache_update.save(now, may_refresh=not is_sandbox)

    @property
    def _secrets(self) -> list[str]:
        found = [self.environ.get(name, "").strip() for name in SECRET_VARIABLES]
        if self._account is not None:
            found.append(self._account.credential.token.reveal())
        return found + [token.reveal() for token in self._tokens]

    def _rate_limiter(
        self, token: "Token | None", base_url: str, clock: Clock
    ) -> "RateLimiter | None":
        if token is None:
            return None
        from outreply_cli.api.rate_limit import SharedRateLimiter

        return SharedRateLimiter(self.state_dir / "budget.db", token, base_url, clock)

    def _max_wait(self, default: float | None) -> float | None:
        if self.options.max_wait is not None:
            from outreply_cli.times import parse_duration

            return parse_duration(self.options.max_wait).total_seconds()
        return default

    @property
    def _colors_allowed(self) -> bool:
        forbidden = self.options.no_color or self.options.plain or self.environ.get("NO_COLOR")
        return not forbidden and self.environ.get("TERM") != "dumb"
