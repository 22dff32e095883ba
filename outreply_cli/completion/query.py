"""`outreply __complete`: candidates for the word under the cursor.

It is fast, never prints errors and never uses the network.
The shells' stubs pass the words of the line after `outreply`, the one under the cursor last. The
output is a line per candidate, its meaning after a tab, and a last line `:` that names what else
the stub is to do: `:files` or `:directories` to offer paths too, `:nospace` to add no space.

Only values seen recently are offered. When they are stale, a background process refreshes them for
the next time.
"""

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence

from outreply_cli.completion.cache import CompletionCache, account_file
from outreply_cli.completion.spec import load_spec
from outreply_cli.paths import user_config_dir, user_state_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The shell waits for TAB; a slower result is dropped.
_TIMEOUT_SECONDS = 1.0
_REFRESH = "__refresh"
_SECONDS_BETWEEN_REFRESHES = 60.0
# The command that refreshes each kind; what it lists is cached.
_REFRESH_COMMANDS = {
    "page": ("pages", "list"),
    "scheduled": ("posts", "list"),
    "published": ("posts", "list", "--published"),
    "media": ("media", "list"),
    "webhook": ("webhooks", "list"),
    "brand": ("brands", "list"),
}
_CACHED_KINDS = {"post": ("scheduled", "published"), "attachment": ("media",)}
Candidates = Iterable[tuple[str, str]]


def complete(words: Sequence[str], environ: Mapping[str, str], now: float) -> None:
    """Print the candidates for the last of `words`; prints nothing when anything is wrong.

    Args:
        words: The words of the line after `outreply`, the one under the cursor last.
        environ: The environment variables.
        now: Seconds since 1970.
    """
    _exit_after_timeout()
    try:
        *line, typed = words
        candidates, directive = _complete(line, typed, environ, now)
        # Shells pass words as bytes; the locale may lack a page's characters.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="\n")
        sys.stdout.writelines(
            f"{value}\t{meaning}\n" if meaning else f"{value}\n" for value, meaning in candidates
        )
        sys.stdout.write(f":{directive}\n")
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - an error would garble the prompt
        return


def _complete(
    line: Sequence[str], typed: str, environ: Mapping[str, str], now: float
) -> tuple[list[tuple[str, str]], str]:
    spec = load_spec()
    path, pending, arguments, only_arguments = _parse(spec, line)
    command = spec["commands"][path]
    options = [spec["options"][index] for index in command["options"]]
    before = ""
    kind: str | None
    if pending is not None:
        kind = pending
    elif not only_arguments and typed.startswith("--") and "=" in typed:
        flag, _, typed = typed.partition("=")
        before = f"{flag}="
        kind = next((option[2] for option in options if flag in option[0]), None)
        if kind is None:
            return [], ""
    elif not only_arguments and typed.startswith("-"):
        given = {*line}
        flags = [
            (flag, help_text)
            for names, help_text, _, multiple in options
            if multiple or not given.intersection(names)
            for flag in names
        ]
        return _filter_by_prefix(flags, typed), ""
    elif command["commands"] and not arguments:
        return _filter_by_prefix(command["commands"].items(), typed), ""
    else:
        kind = _argument_kind(command["arguments"], arguments)
    source = spec["kinds"].get(kind or "", {})
    candidates = list(source.get("words", {}).items())
    if source.get("query"):
        candidates += _values(source["query"], typed, line, environ, now)
    found = _filter_by_prefix(candidates, typed)
    directive = source.get("paths", "")
    if source.get("query") == "attachment" and found:
        directive = ""
    elif len(found) == 1 and found[0][0].endswith((":", ",", "=")):
        directive = "nospace"
    return [(before + value, meaning) for value, meaning in found], directive


def _parse(spec: "Any", line: Sequence[str]) -> tuple[str, str | None, int, bool]:
    """The command that `line` names, the kind of the expected value, and the argument count."""
    path, arguments, only_arguments = "", 0, False
    pending: str | None = None
    for word in line:
        options = (spec["options"][index] for index in spec["commands"][path]["options"])
        if pending is not None:
            pending = None
        elif only_arguments:
            arguments += 1
        elif word == "--":
            only_arguments = True
        elif word.startswith("-"):
            pending = next((option[2] for option in options if word in option[0]), None)
        elif not arguments and word in spec["commands"][path]["commands"]:
            path = f"{path} {word}".strip()
        else:
            arguments += 1
    return path, pending, arguments, only_arguments


def _argument_kind(arguments: "Sequence[Any]", given: int) -> str | None:
    if given < len(arguments):
        return str(arguments[given][0])
    # The last argument may take any number of values.
    return str(arguments[-1][0]) if arguments and arguments[-1][1] else None


def _filter_by_prefix(candidates: Candidates, prefix: str) -> list[tuple[str, str]]:
    return [(value, meaning) for value, meaning in candidates if value.startswith(prefix)]


def _values(
    kind: str, prefix: str, line: Sequence[str], environ: Mapping[str, str], now: float
) -> Candidates:
    if kind == "profile":
        return ((name, "") for name in _profiles(environ))
    if kind in {"zone", "input_zone"}:
        return ((name, "") for name in [*_zones(), *(["brand"] if kind != "zone" else [])])
    if kind in {"events", "scopes"}:
        return _list_items(kind, prefix)
    path = account_file(
        user_state_dir(environ),
        environ,
        flag=_profile_flag(line),
        current=_current_profile(environ),
    )
    cache = CompletionCache.load(path)
    before = "media:" if kind == "attachment" else ""
    found: list[tuple[str, str]] = []
    for cached in _CACHED_KINDS.get(kind, (kind,)):
        found += [(before + value, text) for value, text, _ in cache.get(cached, now)]
        if cache.allow_refresh and not cache.is_fresh(cached, now):
            _refresh(path, cached, line, now)
    given = set(line)
    return [candidate for candidate in found if candidate[0] not in given]


def _list_items(kind: str, prefix: str) -> Candidates:
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
    return _read_text(os.path.join(directory, "zones")).split()


def _profile_flag(line: Sequence[str]) -> str | None:
    found = None
    for index, word in enumerate(line):
        if word in {"-p", "--profile"} and line[index + 1 :]:
            found = line[index + 1]
        elif word.startswith("--profile="):
            found = word.partition("=")[2] or found
    return found


def _config(environ: Mapping[str, str]) -> str:
    return _read_text(os.path.join(user_config_dir(environ), "config.toml"))


def _profiles(environ: Mapping[str, str]) -> list[str]:
    # outreply writes this file; a table header such as [profiles.agency] has its own line.
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


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return ""


def _refresh(path: str, kind: str, line: Sequence[str], now: float) -> None:
    words = _REFRESH_COMMANDS.get(kind)
    if words is None:
        return
    marker = f"{path}.{kind}"
    descriptor = os.open(marker, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
    if (
        os.fstat(descriptor).st_size
        and 0 <= now - os.fstat(descriptor).st_mtime < _SECONDS_BETWEEN_REFRESHES
    ):
        return
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)
    os.write(descriptor, b".")
    os.close(descriptor)
    import subprocess

    from outreply_cli.subprocesses import own_command

    flag = _profile_flag(line)
    subprocess.Popen(  # noqa: S603 - this program
        own_command(_REFRESH, *words, "-q", "--max-wait", "5s", *(["-p", flag] if flag else [])),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _exit_after_timeout() -> None:
    import signal

    if not hasattr(signal, "setitimer"):
        return
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, _TIMEOUT_SECONDS)
