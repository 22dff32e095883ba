"""`outreply __complete`: what a shell asks while somebody types; quick, silent, never the network.

Only what was seen a short time ago is offered. Where that has become old, a process of its own
reads it anew for the next time.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

from outreply_cli.completion.cache import KnownValues, account_file
from outreply_cli.paths import config_path, state_path

# Longer, and a prompt would feel stuck.
_MOST_SECONDS = 0.1
_REFRESH = "__refresh"
_SECONDS_BETWEEN = 60.0
# What reads a kind anew: our own commands, whose lists are remembered.
_READERS = {
    "page": ("pages", "list"),
    "scheduled": ("posts", "list"),
    "published": ("posts", "list", "--published"),
    "media": ("media", "list"),
    "webhook": ("webhooks", "list"),
    "brand": ("brands", "list"),
}
_SHELVES = {"post": ("scheduled", "published"), "attachment": ("media",)}
Answer = Iterable[tuple[str, str]]


def answer(words: Sequence[str], environ: Mapping[str, str], now: float) -> None:
    """Print what may be typed, a line each, what it means after a tab; whatever is wrong, nothing.

    Args:
        words: The kind, what is typed of it so far, and the line's words before it.
        environ: The environment's variables.
        now: In seconds since 1970.
    """
    _leave_in_time()
    try:
        kind, typed, *line = words
        # PowerShell passes two quotes for nothing.
        prefix = typed.strip("\"'")
        sys.stdout.writelines(
            f"{value}\t{text}\n" if text else f"{value}\n"
            for value, text in _values(kind, prefix, line, environ, now)
            if value.startswith(prefix)
        )
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - an error on the prompt helps nobody
        return


def _values(
    kind: str, prefix: str, line: Sequence[str], environ: Mapping[str, str], now: float
) -> Answer:
    if kind == "profile":
        return ((name, "") for name in _profiles(environ))
    if kind in {"zone", "reading_zone"}:
        return ((name, "") for name in [*_zones(), *(["brand"] if kind != "zone" else [])])
    if kind in {"events", "scopes"}:
        return _listed(kind, prefix)
    path = account_file(
        state_path(environ), environ, flag=_profile_flag(line), current=_current_profile(environ)
    )
    known = KnownValues.load(path)
    before = "media:" if kind == "attachment" else ""
    found: list[tuple[str, str]] = []
    for shelf in _SHELVES.get(kind, (kind,)):
        found += [(before + value, text) for value, text, _ in known.shown(shelf, now)]
        if known.may_refresh and not known.is_fresh(shelf, now):
            _refresh(path, shelf, line, now)
    given = set(line)
    return [each for each in found if each[0] not in given]


def _listed(kind: str, prefix: str) -> Answer:
    from outreply_cli.spec.limits import EVENTS, SCOPES

    meanings = EVENTS if kind == "events" else dict.fromkeys(SCOPES, "")
    before, comma, _ = prefix.rpartition(",")
    return [
        (f"{before}{comma}{name}", meaning)
        for name, meaning in meanings.items()
        if name not in before.split(",")
    ]


def _zones() -> list[str]:
    import tzdata

    directory = os.path.dirname(str(tzdata.__file__))
    return _text_of(os.path.join(directory, "zones")).split()


def _profile_flag(line: Sequence[str]) -> str | None:
    found = None
    for place, word in enumerate(line):
        if word in {"-p", "--profile"} and line[place + 1 :]:
            found = line[place + 1]
        elif word.startswith("--profile="):
            found = word.partition("=")[2] or found
    return found


def _config(environ: Mapping[str, str]) -> str:
    return _text_of(os.path.join(config_path(environ), "config.toml"))


def _profiles(environ: Mapping[str, str]) -> list[str]:
    # We write this file: a table header is a line of its own, as in [profiles.agency].
    return [
        line.removeprefix("[profiles.").removesuffix("]").strip('"')
        for line in _config(environ).splitlines()
        if line.startswith("[profiles.")
    ]


def _current_profile(environ: Mapping[str, str]) -> str:
    for line in _config(environ).splitlines():
        if line.startswith("current = "):
            return line.removeprefix("current = ").strip().strip('"')
    return "default"


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return ""


def _refresh(path: str, shelf: str, line: Sequence[str], now: float) -> None:
    words = _READERS.get(shelf)
    if words is None:
        return
    asked = f"{path}.{shelf}"
    descriptor = os.open(asked, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
    if os.fstat(descriptor).st_size and 0 <= now - os.fstat(descriptor).st_mtime < _SECONDS_BETWEEN:
        return
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    os.write(descriptor, b".")
    os.close(descriptor)
    import subprocess

    flag = _profile_flag(line)
    subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-P", "-m", "outreply_cli", _REFRESH, *words, "-q", "--max-wait", "5s",
         *(["-p", flag] if flag else [])],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _leave_in_time() -> None:
    import signal

    if not hasattr(signal, "setitimer"):
        return
    leave: Callable[..., None] = lambda *_: os._exit(0)  # noqa: E731 - it is used once
    signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, _MOST_SECONDS)
