"""Files of ours, under any umask and beside people who share the machine."""

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

SOMEBODY = 54_321
PRECIOUS = "somebody's own\n"


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes_below(place: Path) -> dict[str, int]:
    return {
        str(path.relative_to(place)): stat.S_IMODE(path.lstat().st_mode)
        for path in (place, *place.rglob("*"))
    }


@pytest.fixture
def signed_in(cli: CommandLine) -> CommandLine:
    token = cli.environ["OUTREPLY_API_KEY"]
    ran = cli.run("auth", "login", "--with-token", "--insecure-storage", stdin=token)
    assert ran.code == 0, ran.err
    del cli.environ["OUTREPLY_API_KEY"]
    return cli


@pytest.mark.parametrize("mask", [0o000, 0o777])
def test_every_file_of_ours_is_the_owners_alone_under_any_umask(
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
            ran = cli.run(*words, stdin=token)
            assert ran.code == 0, ran.err
        state = home / "c" / "d" / "outreply"
        DeliveryStore(state / "webhooks.db").close()
        EmulatorHandle(0, "127.0.0.1", 1, "", "key").save(state / "emulator")
        save_snapshot(emulator.state, state / "snapshot.db")
    found = modes_below(home)
    assert len(found) >= 20
    assert {name: oct(mode) for name, mode in found.items() if mode not in {0o600, 0o700}} == {}
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*") if path.is_file()} == {
        0o600
    }


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_token_that_others_can_read_is_not_used(signed_in: CommandLine, mode: int) -> None:
    path = signed_in.home / "config" / "tokens" / "default"
    assert signed_in.run("pages", "list").code == 0
    path.chmod(mode)
    ran = signed_in.run("pages", "list")
    assert ran.code == 1
    assert f"chmod 600 '{path}'" in ran.err
    path.chmod(0o600)
    assert signed_in.run("pages", "list").code == 0


def test_a_config_that_others_can_write_is_not_believed(signed_in: CommandLine) -> None:
    # Whoever writes it says where the token goes.
    config = signed_in.home / "config" / "config.toml"
    config.chmod(0o666)
    ran = signed_in.run("pages", "list")
    assert ran.code == 1
    assert f"chmod go-w '{config}'" in ran.err


def test_a_directory_that_others_can_write_in_is_not_used(tmp_path: Path) -> None:
    for mode in (0o770, 0o707, 0o1777):
        shared = tmp_path / oct(mode)
        shared.mkdir()
        shared.chmod(mode)
        with pytest.raises(StorageError, match="others on this machine can write in"):
            write_private(shared / "config.toml", "x")
        assert list(shared.iterdir()) == []
        with pytest.raises(StorageError):
            DeliveryStore(shared / "webhooks.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_link_to_a_directory_of_somebody_else_is_not_followed(
    cli: CommandLine, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    os.chown(theirs, SOMEBODY, SOMEBODY)
    cli.home.mkdir(parents=True)
    (cli.home / "state").symlink_to(theirs)
    ran = cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "in 2h", "-m", "x",
                  "--key", "k")  # fmt: skip
    assert ran.code == 1
    assert "others on this machine" in ran.err
    assert list(theirs.iterdir()) == []


def test_a_link_to_a_directory_of_ones_own_is_followed(cli: CommandLine, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o700)
    cli.home.mkdir(parents=True)
    (cli.home / "state").symlink_to(mine)
    ran = cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "in 2h", "-m", "x",
                  "--key", "k")  # fmt: skip
    assert ran.code == 0, ran.err
    assert (mine / "journal.db").exists()


def through_whole_files(link: Path) -> None:
    write_private(link, "ours\n")


def through_databases(link: Path) -> None:
    with pytest.raises(OSError, match="symbolic link"):
        ensure_private(link)


@pytest.mark.parametrize("write", [through_whole_files, through_databases])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_that_lies_in_wait_leads_nowhere(
    tmp_path: Path, write: Callable[[Path], None], *, is_there: bool
) -> None:
    victim, directory = tmp_path / "victim", tmp_path / "ours"
    if is_there:
        victim.write_text(PRECIOUS)
    make_private_dir(directory)
    link = directory / "journal.db"
    link.symlink_to(victim)
    write(link)
    assert victim.exists() is is_there
    assert not is_there or victim.read_text() == PRECIOUS


def test_a_draft_has_a_name_that_nobody_can_guess_and_leaves_none_behind(tmp_path: Path) -> None:
    directory = tmp_path / "ours"
    make_private_dir(directory)
    for name in (".a.", ".a", "a.tmp", ".a.tmp", "a~"):
        (directory / name).symlink_to(tmp_path / "victim")
    write_private(directory / "a", "ours\n")
    assert not (tmp_path / "victim").exists()
    assert not (directory / "a").is_symlink()
    assert read_private(directory / "a") == "ours\n"
    assert len(list(directory.iterdir())) == 6
