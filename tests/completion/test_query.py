"""What a shell is answered: at once, from what was seen, and never an error."""

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
from outreply_cli.paths import config_path, state_path
from tests.command_line import CommandLine

NOW = 1_800_000_000.0


# A command line that completes each kind of value.
LINES = {
    "page": ("pages", "show"),
    "scheduled": ("posts", "cancel"),
    "profile": ("auth", "switch"),
    "events": ("serve-webhook", "--events"),
    "scopes": ("emulator", "token", "--scopes"),
    "nonsense": ("no", "such", "command"),
}


def answers(cli: CommandLine, kind: str, prefix: str = "", *line: str) -> list[str]:
    """The candidates for a value of `kind`; `line` is more that was typed before it."""
    first, *rest = LINES[kind]
    ran = cli.spawn("__complete", first, *rest, *line, prefix)
    assert (ran.code, ran.err) == (0, "")
    *candidates, directive = ran.out.splitlines() or [":"]
    assert directive.startswith(":")
    return candidates


def known_file(cli: CommandLine) -> Path:
    (path,) = (cli.home / "state" / "completion").glob("*.json")
    return path


def kept(tmp_path: Path, listing: str, *items: Mapping[str, object]) -> CompletionCache:
    sighting = CacheUpdate(tmp_path / "known.json")
    sighting.on_list(listing, items, is_whole=True)
    sighting.save(NOW, may_refresh=True)
    return CompletionCache.load(tmp_path / "known.json")


def test_pages_that_were_listed_are_offered_with_their_names(cli: CommandLine) -> None:
    assert cli.spawn("pages", "list").code == 0
    assert answers(cli, "page", "instagram:") == ["instagram:acme\tAcme Official"]
    assert answers(cli, "page", "", "--verbose")[0].startswith("facebook:acme")
    assert not any("instagram" in each for each in answers(cli, "page", "", "instagram:acme"))


def test_a_post_is_offered_once_it_is_made_until_it_is_cancelled(cli: CommandLine) -> None:
    made = cli.spawn("posts", "schedule", "--page", "x:bluebird", "--at", "in 2h", "-m", "Hi", "-q")
    post_id = made.out.strip()
    (line,) = answers(cli, "scheduled")
    assert line.startswith(f"{post_id}\t")
    assert line.endswith("twitter Hi")
    assert cli.spawn("posts", "cancel", post_id).code == 0
    assert answers(cli, "scheduled") == []


def test_a_list_that_was_read_before_brings_nothing_back(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    posts = [{"id": "68a1", "message": "One"}, {"id": "68a2", "message": "Two"}]
    kept(tmp_path, "scheduled_posts", *posts)
    slow, quick = CacheUpdate(path), CacheUpdate(path)
    slow.on_list("scheduled_posts", posts, is_whole=True)
    quick.on_delete("scheduled_posts", "68a1")
    quick.save(NOW, may_refresh=True)
    slow.save(NOW, may_refresh=True)
    assert [each[0] for each in CompletionCache.load(path).get("scheduled", NOW)] == ["68a2"]


def test_only_the_owner_can_read_it_and_no_token_is_in_it(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    cli.spawn("pages", "list")
    path = known_file(cli)
    assert path.stat().st_mode & 0o777 == 0o600
    assert emulator.token not in path.read_text()
    assert emulator.token not in path.name


def test_the_query_of_a_webhooks_url_is_not_kept(tmp_path: Path) -> None:
    hook = {"id": "68a1", "url": "https://example.com/hook?key=SECRET", "secret": "whsec_x"}
    assert kept(tmp_path, "webhooks", hook).get("webhook", NOW) == [
        ("68a1", "https://example.com/hook", "68a1")
    ]


@pytest.mark.parametrize("name", ["$(reboot)", "a b", "`x`", "a;b", "--yes", "~root", "a\nb", "é"])
def test_a_name_that_a_shell_would_expand_is_never_offered(tmp_path: Path, name: str) -> None:
    page = {"id": "68a1", "platform": "instagram", "username": name, "name": "Odd\t\x1b[31m\n"}
    ((value, text, _),) = kept(tmp_path, "pages", page).get("page", NOW)
    assert value == "68a1" if name != "--yes" else value == "instagram:--yes"
    assert text == "Odd [31m"


def test_ids_that_are_none_are_left_out(tmp_path: Path) -> None:
    assert kept(tmp_path, "brands", {"id": "$(reboot)"}, {"name": ""}).get("brand", NOW) != [
        ("$(reboot)", "", "$(reboot)")
    ]


def test_what_is_a_day_old_is_not_offered_and_never_what_comes_from_the_future(
    tmp_path: Path,
) -> None:
    known = kept(tmp_path, "brands", {"id": "68a1", "name": "Acme"})
    assert known.get("brand", NOW + 86_399)
    assert not known.get("brand", NOW + 86_400)
    assert not known.get("brand", NOW - 1)
    assert known.is_fresh("brand", NOW + 299)
    assert not known.is_fresh("brand", NOW + 300)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"kinds": 3}', "\0\0", '{"kinds": {"page": 1}}']
)
def test_a_damaged_file_offers_nothing(cli: CommandLine, content: str) -> None:
    cli.spawn("pages", "list")
    known_file(cli).write_text(content)
    assert answers(cli, "page") == []
    assert cli.spawn("pages", "list").code == 0
    assert answers(cli, "page", "instagram:a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_file_that_never_answers_does_not_hold_the_prompt(cli: CommandLine) -> None:
    cli.spawn("pages", "list")
    path = known_file(cli)
    path.unlink()
    os.mkfifo(path)
    assert answers(cli, "page") == []


def test_a_kind_or_a_command_line_that_is_none_is_answered_with_nothing(
    cli_logged_out: CommandLine,
) -> None:
    assert answers(cli_logged_out, "nonsense") == []
    ran = cli_logged_out.spawn("__complete")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_profiles_are_offered_and_choose_whose_pages(cli: CommandLine) -> None:
    token = cli.environ.pop("OUTREPLY_API_KEY")
    for name in ("main", "agency"):
        ran = cli.spawn(
            "auth", "login", "--with-token", "--insecure-storage", "-p", name, stdin=token
        )
        assert ran.code == 0, ran.err
    assert answers(cli, "profile") == ["main", "agency"]
    cli.environ.pop("OUTREPLY_BASE_URL")
    cli.spawn("pages", "list", "-p", "agency")
    assert answers(cli, "page", "insta", "-p", "agency") == ["instagram:acme\tAcme Official"]
    assert answers(cli, "page", "insta", "--profile=agency")
    assert answers(cli, "page", "insta") == []
    cli.spawn("auth", "logout", "-p", "agency")
    assert answers(cli, "page", "insta", "-p", "agency") == []


def test_what_became_old_is_read_anew_behind_the_prompt(cli: CommandLine) -> None:
    cli.spawn("brands", "list")
    assert answers(cli, "page") == []
    deadline = time.monotonic() + 30
    while not answers(cli, "page") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answers(cli, "page", "instagram:") == ["instagram:acme\tAcme Official"]


def test_a_token_whose_requests_are_numbered_is_not_spent_on_it(cli: CommandLine) -> None:
    cli.spawn("brands", "list")
    path = known_file(cli)
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "may_refresh": False}))
    assert answers(cli, "page") == []
    assert not list(path.parent.glob("*.page"))


def test_lists_complete_after_a_comma(cli_logged_out: CommandLine) -> None:
    found = [line.split("\t")[0] for line in answers(cli_logged_out, "events", "post.failed,post.")]
    assert found == ["post.failed,post.published"]
    assert "read:pages" in answers(cli_logged_out, "scopes")


def test_usernames_are_known_by_page_id(tmp_path: Path) -> None:
    pages = (
        {"id": "68a1", "platform": "instagram", "username": "acme"},
        {"id": "68a2", "platform": "tiktok", "username": ""},
    )
    assert kept(tmp_path, "pages", *pages).usernames() == {"68a1": "acme"}


@pytest.mark.skipif(os.name != "posix", reason="elsewhere platformdirs itself is asked")
@pytest.mark.parametrize("xdg", [None, "", "  ", "/xdg"])
def test_our_places_are_those_of_platformdirs(
    monkeypatch: pytest.MonkeyPatch, xdg: str | None
) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
        if xdg is not None:
            monkeypatch.setenv(name, xdg)
    assert config_path(os.environ) == platformdirs.user_config_dir("outreply", appauthor=False)
    assert state_path(os.environ) == platformdirs.user_state_dir("outreply", appauthor=False)


def test_a_module_in_the_current_directory_is_not_run(cli: CommandLine, tmp_path: Path) -> None:
    cli.spawn("brands", "list")
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "httpx.py").write_text(f"open({str(trap / 'run')!r}, 'w')\n")
    program = (
        "import os; from outreply_cli.completion import query as a; "
        f"a._refresh({str(known_file(cli))!r}, 'page', [], 0.0); os.wait()"
    )
    subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=trap, env=cli.environ, check=True, timeout=60
    )
    assert not (trap / "run").exists()
