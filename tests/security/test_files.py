"""Private files under any umask, and on a machine shared with other users."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.emulator.snapshots import save_snapshot
from outreply_cli.errors import StorageError
from outreply_cli.storage.private_files import (
    ensure_private,
    make_private_dir,
    read_private,
    write_private,
)
from outreply_cli.webhooks.store import DeliveryStore
from tests.command_line import CommandLine

OTHER_UID = 54_321
VICTIM_TEXT = "another user's file\n"


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes_below(directory: Path) -> dict[str, int]:
    return {
        str(path.relative_to(directory)): stat.S_IMODE(path.lstat().st_mode)
        for path in (directory, *directory.rglob("*"))
    }


@pytest.fixture
def signed_in(cli: CommandLine) -> CommandLine:
    token = cli.environ["OUTREPLY_API_KEY"]
    result = cli.run("auth", "login", "--with-token", "--insecure-storage", stdin=token)
    assert result.code == 0, result.err
    del cli.environ["OUTREPLY_API_KEY"]
    return cli


@pytest.mark.parametrize("mask", [0o000, 0o777])
def test_files_are_private_under_any_umask(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path, mask: int
) -> None:
    home, token = cli.home, emulator.token
    cli.environ["XDG_CONFIG_HOME"] = str(home / "a" / "b")
    cli.environ["XDG_STATE_HOME"] = str(home / "c" / "d")
    del cli.environ["OUTREPLY_CONFIG_DIR"], cli.environ["OUTREPLY_STATE_DIR"]
    calendar = tmp_path / "calendar.csv"
    calendar.write_text(cli.run("bulk", "template", "csv").out)
    with umask(mask):
        for words in (
            ("auth", "login", "--with-token", "--insecure-storage"),
            ("pages", "list"),
            ("bulk", "schedule", str(calendar)),
            ("posts", "schedule", "--page", "x:bluebird", "--at", "in 2h", "-m", "x", "--key", "k"),
            ("comments", "inbox", "--days", "30"),
        ):
            result = cli.run(*words, stdin=token)
            assert result.code == 0, result.err
        state = home / "c" / "d" / "outreply"
        DeliveryStore(state / "webhooks.db").close()
        EmulatorHandle(0, "127.0.0.1", 1, "", "key").save(state / "emulator")
        save_snapshot(emulator.state, state / "snapshot.db")
    modes = modes_below(home)
    assert len(modes) >= 20
    assert {name: oct(mode) for name, mode in modes.items() if mode not in {0o600, 0o700}} == {}
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*") if path.is_file()} == {
        0o600
    }


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_token_file_readable_by_others_is_rejected(signed_in: CommandLine, mode: int) -> None:
    path = signed_in.home / "config" / "tokens" / "default"
    assert signed_in.run("pages", "list").code == 0
    path.chmod(mode)
    result = signed_in.run("pages", "list")
    assert result.code == 1
    assert f"chmod 600 '{path}'" in result.err
    path.chmod(0o600)
    assert signed_in.run("pages", "list").code == 0


def test_config_writable_by_others_is_rejected(signed_in: CommandLine) -> None:
    # The config file names the server that gets the token.
    config = signed_in.home / "config" / "config.toml"
    config.chmod(0o666)
    result = signed_in.run("pages", "list")
    assert result.code == 1
    assert f"chmod go-w '{config}'" in result.err


def test_directory_writable_by_others_is_rejected(tmp_path: Path) -> None:
    for mode in (0o770, 0o707, 0o1777):
        shared = tmp_path / oct(mode)
        shared.mkdir()
        shared.chmod(mode)
        with pytest.raises(StorageError, match="is writable by other users") as raised:
            write_private(shared / "config.toml", "x")
        # Never /tmp.
        assert ("chmod" in raised.value.message) == (mode != 0o1777)
        assert list(shared.iterdir()) == []
        with pytest.raises(StorageError):
            DeliveryStore(shared / "webhooks.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize(
    ("link_owner", "owner"), [(0, OTHER_UID), (OTHER_UID, 0), (OTHER_UID, OTHER_UID)]
)
def test_symlink_of_or_to_another_user_is_rejected(
    cli: CommandLine, tmp_path: Path, link_owner: int, owner: int
) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir(mode=0o755)
    os.chown(foreign, owner, owner)
    cli.home.mkdir(parents=True)
    (cli.home / "state").symlink_to(foreign)
    os.lchown(cli.home / "state", link_owner, link_owner)
    result = cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "in 2h", "-m", "x",
                  "--key", "k")  # fmt: skip
    assert result.code == 1
    assert "writable by other users" in result.err
    assert list(foreign.iterdir()) == []


def test_symlink_to_own_directory_is_followed(cli: CommandLine, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    cli.home.mkdir(parents=True)
    (cli.home / "state").symlink_to(own)
    result = cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "in 2h", "-m", "x",
                  "--key", "k")  # fmt: skip
    assert result.code == 0, result.err
    assert (own / "journal.db").exists()


def through_write_private(link: Path) -> None:
    write_private(link, "private\n")


def through_ensure_private(link: Path) -> None:
    with pytest.raises(OSError, match="symbolic link"):
        ensure_private(link)


@pytest.mark.parametrize("write", [through_write_private, through_ensure_private])
@pytest.mark.parametrize("victim_exists", [True, False])
def test_symlink_attack_is_rejected(
    tmp_path: Path, write: Callable[[Path], None], *, victim_exists: bool
) -> None:
    victim, directory = tmp_path / "victim", tmp_path / "private"
    if victim_exists:
        victim.write_text(VICTIM_TEXT)
    make_private_dir(directory)
    link = directory / "journal.db"
    link.symlink_to(victim)
    write(link)
    assert victim.exists() is victim_exists
    assert not victim_exists or victim.read_text() == VICTIM_TEXT


def test_temporary_file_names_are_unpredictable(tmp_path: Path) -> None:
    directory = tmp_path / "private"
    make_private_dir(directory)
    for name in (".a.", ".a", "a.tmp", ".a.tmp", "a~"):
        (directory / name).symlink_to(tmp_path / "victim")
    write_private(directory / "a", "private\n")
    assert not (tmp_path / "victim").exists()
    assert not (directory / "a").is_symlink()
    assert read_private(directory / "a") == "private\n"
    assert len(list(directory.iterdir())) == 6
