"""`outreply __complete`: candidates from the cache, without waiting and without errors."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import platformdirs
import pytest

from outreply_cli.completion.cache import CompletionCache
from outreply_cli.completion.cache_writer import CacheUpdate
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.paths import user_config_dir, user_state_dir
from tests.clocks import HurriedClock
from tests.command_line import CommandLine

NOW = 1_800_000_000.0


# Command lines that complete each kind of value.
LINES = {
    "page": ("pages", "show"),
    "scheduled": ("posts", "cancel"),
    "profile": ("auth", "switch"),
    "events": ("serve-webhook", "--events"),
    "scopes": ("emulator", "token", "--scopes"),
    "nonsense": ("no", "such", "command"),
}


@pytest.fixture
def emulator_clock() -> HurriedClock:
    """The machine's clock, which `__complete` uses in its own process."""
    return HurriedClock(speed=1)


def complete(cli: CommandLine, kind: str, prefix: str = "", *options: str) -> list[str]:
    """Candidates for a value of `kind`, typed after `options`."""
    first, *rest = LINES[kind]
    result = cli.spawn("__complete", first, *rest, *options, prefix)
    assert (result.code, result.err) == (0, "")
    *candidates, directive = result.out.splitlines() or [":"]
    assert directive.startswith(":")
    return candidates


def cache_path(cli: CommandLine) -> Path:
    (path,) = (cli.home / "state" / "completion").glob("*.json")
    return path


def make_cache(tmp_path: Path, listing: str, *items: Mapping[str, object]) -> CompletionCache:
    update = CacheUpdate(tmp_path / "cache.json")
    update.on_list(listing, items, is_complete=True)
    update.save(NOW, allow_refresh=True)
    return CompletionCache.load(tmp_path / "cache.json")


def test_listed_pages_complete_with_names(cli: CommandLine) -> None:
    assert cli.run("pages", "list").code == 0
    assert complete(cli, "page", "instagram:") == ["instagram:acme\tAcme Official"]
    assert complete(cli, "page", "", "--verbose")[0].startswith("facebook:acme")
    assert not any("instagram" in line for line in complete(cli, "page", "", "instagram:acme"))


def test_post_completes_until_cancelled(cli: CommandLine) -> None:
    result = cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "in 2h", "-m", "Hi", "-q")
    post_id = result.out.strip()
    (line,) = complete(cli, "scheduled")
    assert line.startswith(f"{post_id}\t")
    assert line.endswith("twitter Hi")
    assert cli.run("posts", "cancel", post_id).code == 0
    assert complete(cli, "scheduled") == []


def test_stale_list_does_not_restore_deleted_post(tmp_path: Path) -> None:
    path = tmp_path / "cache.json"
    posts = [{"id": "68a1", "message": "One"}, {"id": "68a2", "message": "Two"}]
    make_cache(tmp_path, "scheduled_posts", *posts)
    slow, quick = CacheUpdate(path), CacheUpdate(path)
    slow.on_list("scheduled_posts", posts, is_complete=True)
    quick.on_delete("scheduled_posts", "68a1")
    quick.save(NOW, allow_refresh=True)
    slow.save(NOW, allow_refresh=True)
    assert [value for value, _, _ in CompletionCache.load(path).get("scheduled", NOW)] == ["68a2"]


def test_cache_is_private_and_has_no_token(cli: CommandLine, emulator: EmulatorServer) -> None:
    cli.run("pages", "list")
    path = cache_path(cli)
    assert path.stat().st_mode & 0o777 == 0o600
    assert emulator.token not in path.read_text()
    assert emulator.token not in path.name


def test_webhook_url_query_is_not_cached(tmp_path: Path) -> None:
    hook = {"id": "68a1", "url": "https://example.com/hook?key=SECRET", "secret": "whsec_x"}
    assert make_cache(tmp_path, "webhooks", hook).get("webhook", NOW) == [
        ("68a1", "https://example.com/hook", "68a1")
    ]


@pytest.mark.parametrize("name", ["$(reboot)", "a b", "`x`", "a;b", "--yes", "~root", "a\nb", "é"])
def test_unsafe_names_are_not_offered(tmp_path: Path, name: str) -> None:
    page = {"id": "68a1", "platform": "instagram", "username": name, "name": "Odd\t\x1b[31m\n"}
    ((value, text, _),) = make_cache(tmp_path, "pages", page).get("page", NOW)
    assert value == "68a1" if name != "--yes" else value == "instagram:--yes"
    assert text == "Odd [31m"


def test_invalid_ids_are_skipped(tmp_path: Path) -> None:
    assert make_cache(tmp_path, "brands", {"id": "$(reboot)"}, {"name": ""}).get("brand", NOW) != [
        ("$(reboot)", "", "$(reboot)")
    ]


def test_cached_values_expire_after_a_day(
    tmp_path: Path,
) -> None:
    cache = make_cache(tmp_path, "brands", {"id": "68a1", "name": "Acme"})
    assert cache.get("brand", NOW + 86_399)
    assert not cache.get("brand", NOW + 86_400)
    assert not cache.get("brand", NOW - 1)
    assert cache.is_fresh("brand", NOW + 299)
    assert not cache.is_fresh("brand", NOW + 300)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"kinds": 3}', "\0\0", '{"kinds": {"page": 1}}']
)
def test_damaged_cache_is_ignored_and_replaced(cli: CommandLine, content: str) -> None:
    cli.run("pages", "list")
    cache_path(cli).write_text(content)
    assert complete(cli, "page") == []
    assert cli.run("pages", "list").code == 0
    assert complete(cli, "page", "instagram:a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_fifo_as_cache_does_not_block(cli: CommandLine) -> None:
    cli.run("pages", "list")
    path = cache_path(cli)
    path.unlink()
    os.mkfifo(path)
    # The time limit ends it; `cli.spawn` disables the limit.
    done = subprocess.run(
        [sys.executable, "-m", "outreply_cli", "__complete", *LINES["page"], ""],
        env=cli.environ, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_unknown_command_line_completes_nothing(
    cli_logged_out: CommandLine,
) -> None:
    assert complete(cli_logged_out, "nonsense") == []
    result = cli_logged_out.spawn("__complete")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_profiles_select_cache(cli: CommandLine) -> None:
    token = cli.environ.pop("OUTREPLY_API_KEY")
    for name in ("main", "agency"):
        result = cli.run(
            "auth", "login", "--with-token", "--insecure-storage", "-p", name, stdin=token
        )
        assert result.code == 0, result.err
    assert complete(cli, "profile") == ["main", "agency"]
    cli.environ.pop("OUTREPLY_BASE_URL")
    cli.run("pages", "list", "-p", "agency")
    assert complete(cli, "page", "insta", "-p", "agency") == ["instagram:acme\tAcme Official"]
    assert complete(cli, "page", "insta", "--profile=agency")
    assert complete(cli, "page", "insta") == []
    cli.run("auth", "logout", "-p", "agency")
    assert complete(cli, "page", "insta", "-p", "agency") == []


def test_expired_values_refresh_in_background(cli: CommandLine) -> None:
    cli.run("brands", "list")
    assert complete(cli, "page") == []
    deadline = time.monotonic() + 60
    while not complete(cli, "page") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert complete(cli, "page", "instagram:") == ["instagram:acme\tAcme Official"]


def test_no_refresh_with_limited_token(cli: CommandLine) -> None:
    cli.run("brands", "list")
    path = cache_path(cli)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "allow_refresh": False}))
    assert complete(cli, "page") == []
    assert not list(path.parent.glob("*.page"))


def test_last_of_comma_separated_values_is_completed(cli_logged_out: CommandLine) -> None:
    values = [
        line.split("\t")[0] for line in complete(cli_logged_out, "events", "post.failed,post.")
    ]
    assert values == ["post.failed,post.published"]
    assert "read:pages" in complete(cli_logged_out, "scopes")


def test_usernames_are_found_by_page_id(tmp_path: Path) -> None:
    pages = (
        {"id": "68a1", "platform": "instagram", "username": "acme"},
        {"id": "68a2", "platform": "tiktok", "username": ""},
    )
    assert make_cache(tmp_path, "pages", *pages).usernames() == {"68a1": "acme"}


@pytest.mark.skipif(os.name != "posix", reason="other systems use platformdirs itself")
@pytest.mark.parametrize("xdg", [None, "", "  ", "/xdg"])
def test_paths_match_platformdirs(monkeypatch: pytest.MonkeyPatch, xdg: str | None) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
        if xdg is not None:
            monkeypatch.setenv(name, xdg)
    assert user_config_dir(os.environ) == platformdirs.user_config_dir("outreply", appauthor=False)
    assert user_state_dir(os.environ) == platformdirs.user_state_dir("outreply", appauthor=False)


def test_refresh_ignores_modules_in_cwd(cli: CommandLine, tmp_path: Path) -> None:
    cli.run("brands", "list")
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "httpx.py").write_text(f"open({str(trap / 'run')!r}, 'w')\n")
    program = (
        "import os; from outreply_cli.completion import query as a; "
        f"a._refresh({str(cache_path(cli))!r}, 'page', [], 0.0); os.wait()"
    )
    subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=trap, env=cli.environ, check=True, timeout=60
    )
    assert not (trap / "run").exists()
