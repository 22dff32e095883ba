"""Config and other text files: clear errors, and an unreadable file is not changed."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from outreply_cli.accounts.credentials import Credentials
from outreply_cli.accounts.profiles import CONFIG_FILE, Profile, Profiles
from outreply_cli.accounts.resolve import resolve_account
from outreply_cli.bulk.plan_file import load_plan
from outreply_cli.completion.cache import CompletionCache
from outreply_cli.emulator.seed_file import parse_seed
from outreply_cli.errors import InvalidInputError, OutReplyError, StorageError
from tests.fuzzing.target import InputReader, Target, as_argument, expect_errors, scratch


@cache
def _directory() -> Path:
    return scratch()


def _check(data: bytes) -> None:
    reader = InputReader(data)
    name, load = _FILES[reader.number(len(_FILES))]
    path = _directory() / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(reader.rest())
    before = path.read_bytes()
    try:
        with expect_errors(OutReplyError):
            load(path)
    finally:
        assert path.read_bytes() == before
        path.unlink()


def _config(path: Path) -> None:
    with expect_errors(StorageError):
        profiles = Profiles.load(path)
    for name, profile in profiles.stored.items():
        assert profiles.get(name) is profile
    copy = Profiles(path.with_name("copy.toml"), profiles.current, profiles.stored)
    copy.save()
    reloaded = Profiles.load(copy.path)
    assert (reloaded.current, reloaded.stored) == (profiles.current, profiles.stored)


def _account(path: Path) -> None:
    account = resolve_account(path.parent, {}, None)
    assert account.credential.token.reveal().isascii()


def _token(path: Path) -> None:
    with expect_errors(StorageError):
        credential = Credentials({}, path.parent.parent).load(Profile(path.name))
    assert credential is None or credential.token.reveal().isascii()


def _plan(path: Path) -> None:
    with expect_errors(InvalidInputError):
        plan = load_plan(path)
    for step in plan.steps:
        assert isinstance(step, dict)


def _cache(path: Path) -> None:
    cache = CompletionCache.load(path)
    for kind in cache.entries:
        for value, text, identity in cache.get(kind, 1e9):
            assert isinstance(value + text + identity, str)
    assert isinstance(cache.usernames(), dict)


def _seed(path: Path) -> None:
    with expect_errors(InvalidInputError):
        seed = parse_seed(as_argument(path.read_bytes()), "seed.yaml")
    assert seed.location


_FILES: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("config.toml", _config),
    (CONFIG_FILE, _account),
    ("tokens/default", _token),
    ("plan.yaml", _plan),
    ("cache.json", _cache),
    ("seed.yaml", _seed),
)
_CONFIG = b"""\
current = "work"
[profiles.work]
base_url = "https://api.outreply.com/api/v1"
timezone = "Europe/Paris"
storage = "file"
[profiles."a.b"]
"""
_PLAN = b"""\
version: 1
calendar: c.csv
calendar_sha256: abc
account: a
options: {prune: true}
steps:
- {action: create, line: 2, page_id: '1', scheduled_at: '2026-12-24T17:00:00Z'}
"""
_CACHE = json.dumps(
    {
        "allow_refresh": True,
        "kinds": {"page": {"at": 1e9, "values": [["instagram:acme", "A", "1"]]}},
    }
).encode()
_SEED = b"now: 2026-11-23T12:00:00Z\nusers:\n- {email: a@b.c, tier: pro, tokens: [{name: t}]}\n"
TARGETS = (
    Target(
        "settings-files", _check,
        [b"\0" + _CONFIG, b"\1" + _CONFIG, b"\2outreply_live_" + b"s3cr3t" * 6 + b"\n",
         b"\3" + _PLAN,
         b"\4" + _CACHE, b"\5" + _SEED],
        [b"[" * 2000, b"a.b.c.d = 1\n", b"9" * 5000, b"nan", b"2026-12-24T18:00:00Z", b"'''",
         b'"""',
         b"[[profiles]]\n", b"[profiles]\n", b"profiles = 1\n", b"storage = 'keyring'\n",
         b"\\u0000",
         b"\\ud800", b"&a ", b"*a", b"!!int ", b"!!timestamp x", b"!!bool x", b"!!float ",
         b"!!binary x",
         b"<<: ", b"? ", b"{{}: 1}", b"0x", b"99:99", b"2026-99-99", b"\xef\xbb\xbf", b"null"],
    ),
)  # fmt: skip
