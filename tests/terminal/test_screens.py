"""Every main screen at every width and on every kind of terminal is what somebody has looked at;
`UPDATE_SCREENS=1 pytest tests/terminal/test_screens.py -n 0` draws them anew."""

import os
import re
from collections.abc import Iterator

import pexpect
import pytest
from rich.cells import cell_len

from outreply_cli.diagnosis.finding import failure, ok, skipped, warning
from outreply_cli.terminal.deliveries import DeliveryReport
from outreply_cli.terminal.findings import show_findings
from outreply_cli.terminal.session import Session
from outreply_cli.webhooks.event import parse_event
from outreply_cli.webhooks.receiver import Received
from outreply_cli.webhooks.sending import Outcome
from tests.command_line import CommandLine
from tests.screens import (
    C_LOCALE,
    DUMB,
    GOLDEN,
    LOOKS,
    NO_COLOR,
    Look,
    Screen,
    Stage,
    arrivals,
    steady,
)

# No others: blue is lost on black, white and bright ones on white.
STYLES = {
    "1": "bold", "2": "dim", "7": "reverse", "31": "red", "32": "green", "33": "yellow",
    "35": "magenta", "36": "cyan",
}  # fmt: skip
SYMBOLS = set("─│┌┬┐├┼┤└┴┘█░●→✓✗·")
STYLE = re.compile(r"\x1b\[([0-9;]*)m")


def doctor(session: Session) -> None:
    findings = [
        ok("python", "3.11.9 on Linux"),
        warning("config", "/home/alex/.config/outreply/config.toml may be read by others (0644)",
                "chmod 600 /home/alex/.config/outreply/config.toml"),
        warning("keyring", "no answer within 3 s; the file with the tokens is used instead",
                "Unlock the keyring, or sign in with: outreply auth login --insecure-storage"),
        failure("tls", "api.example.com: the certificate has expired on 22 Nov 2026",
                "If a proxy opens TLS here, add its certificate to those of this machine."),
        skipped("scopes", "the token could not be asked for them"),
    ]  # fmt: skip
    show_findings(session.output, [vars(one) for one in findings])


def deliveries(session: Session) -> None:
    report = DeliveryReport(session.output, session.zone())
    for number, arrival in enumerate(arrivals()):
        arrival.seen = int(number == 4)
        event = parse_event(arrival.body) if arrival.is_verified else None
        forward = ("http://127.0.0.1:3000", Outcome(200, None, 12.0)) if number == 0 else None
        received = Received(
            arrival, event, arrival.status, 4.2 + number, is_wanted=True, forward=forward
        )
        report.show_received(received)


SCREENS = [
    Screen("welcome", is_signed_in=False, takes_plain=False),
    Screen("help", ("--help",), takes_plain=False),
    Screen("help-of-a-command", ("posts", "schedule", "--help"), takes_plain=False),
    Screen("pages-list", ("pages", "list")),
    Screen("posts-list", ("posts", "list", "--all")),
    Screen("posts-show", ("posts", "show", "POST")),
    Screen("posts-calendar-week", ("posts", "calendar", "--week")),
    Screen("posts-calendar-month", ("posts", "calendar", "--month")),
    Screen("posts-publish", ("posts", "publish", "--page", "x:bluebird", "--page", "facebook:acme",
                             "-m", "The kettle is on ☕ until six", "--yes")),
    Screen("quota-show", ("quota", "show")),
    Screen("quota-forecast", ("quota", "forecast")),
    Screen("comments-inbox", ("comments", "inbox")),
    Screen("comments-list", ("comments", "list", "THREAD")),
    Screen("media-list", ("media", "list")),
    Screen("webhooks-history", ("webhooks", "history")),
    Screen("webhooks-list", ("webhooks", "list")),
    Screen("serve-webhook", draw=deliveries),
    Screen("bulk-plan", ("bulk", "schedule", "spring.yaml", "--dry-run")),
    Screen("bulk-schedule", ("bulk", "schedule", "spring.yaml")),
    Screen("doctor", draw=doctor),
    Screen("error", ("posts", "show", "65f0c0ffee65f0c0ffee0404")),
    Screen("error-of-usage", ("posts", "lst", "--al")),
    Screen("auth-status", ("auth", "status")),
]  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def readable(text: str) -> str:
    """`text` with its colours named, so that a change of one is seen in a diff."""

    def name(found: re.Match[str]) -> str:
        codes = found[1].removeprefix("0").strip(";")
        return f"«{' '.join(STYLES[code] for code in codes.split(';'))}»" if codes else "«»"

    shown = STYLE.sub(name, text)
    assert "\x1b" not in shown
    return shown


def golden(drawn: list[tuple[str, str]]) -> str:
    """Sections, those that are alike under one heading."""
    by_text: dict[str, list[str]] = {}
    for name, text in drawn:
        by_text.setdefault(text, []).append(name)
    return "\n".join(
        "".join(f"=== {name}\n" for name in names) + f"\n{text}" for text, names in by_text.items()
    )


# Sentences, and what is to be copied, are folded by the terminal itself.
FOLDED = {
    "welcome",
    "help-of-a-command",
    "pages-list",
    "quota-show",
    "quota-forecast",
    "serve-webhook",
    "error",
}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_a_screen_is_what_was_looked_at(screen: Screen, stage: Stage) -> None:
    drawn = []
    for look in LOOKS:
        text = stage.drawn(screen, look)
        lines = STYLE.sub("", text).splitlines()
        if screen.name not in FOLDED:
            assert max(map(cell_len, lines)) <= look.width, look.name
        assert look.environ.get("LANG") != "C" or text.isascii()
        assert "--plain" not in look.options or not SYMBOLS & set(text)
        drawn.append((look.name, readable(text)))
    path = GOLDEN / "screens" / f"{screen.name}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        path.write_text(golden(drawn), encoding="utf-8", newline="\n")
    assert path.read_text(encoding="utf-8") == golden(drawn)


def section(screen: str, look: str) -> str:
    """What the golden file of `screen` holds for `look`."""
    text = (GOLDEN / "screens" / f"{screen}.txt").read_text(encoding="utf-8")
    for part in text.split("\n\n=== "):
        names, _, shown = f"{part}\n".partition("\n\n")
        if look in names.replace("=== ", "").splitlines():
            return shown
    raise AssertionError(f"{screen} has no {look}")


@pytest.mark.parametrize(
    ("screen", "look", "width", "environ"),
    [
        ("posts-list", "120 columns, dark and light", 120, {}),
        ("posts-list", "60 columns, NO_COLOR", 60, NO_COLOR),
        ("quota-show", "80 columns, TERM=dumb", 80, DUMB),
        ("pages-list", "80 columns, LANG=C", 80, {**C_LOCALE, **NO_COLOR}),
        ("posts-list", "200 columns, NO_COLOR", 80, {**NO_COLOR, "COLUMNS": "200"}),
    ],
)
def test_the_installed_command_finds_out_itself_what_its_terminal_is(
    stage: Stage, screen: str, look: str, width: int, environ: dict[str, str]
) -> None:
    words = next(one.words for one in SCREENS if one.name == screen)
    with stage.home() as home:
        variables = stage.environ(home, Look(look, environ=environ))
        if "COLUMNS" not in environ:
            del variables["COLUMNS"]
        python, *rest = CommandLine.words(*words)
        child = pexpect.spawn(
            python, rest, env={**variables, "PATH": os.environ["PATH"]}, encoding="utf-8",
            timeout=60, dimensions=(50, width),
        )  # fmt: skip
        child.expect(pexpect.EOF)
        child.close()
    assert child.exitstatus == 0
    assert readable(steady(str(child.before))) == section(screen, look)
