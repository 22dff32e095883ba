"""Files that a calendar names: only those below its directory, and never outreply's files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.media.files import MediaFileError, StorageLimits, hash_file, inspect
from outreply_cli.storage import file_scope
from outreply_cli.storage.file_scope import FileRefusedError, FileScope, check_regular
from tests.command_line import CommandLine, Result
from tests.media.sample_files import png

SECRET = "db-password: hunter2"
HEAD = "page,scheduled_at,message_file\n"
REFUSED = "is outside the calendar's directory"
OWN = "where outreply keeps its own files"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A client's directory, next to files outside it."""
    directory = tmp_path / "client"
    (directory / "sub").mkdir(parents=True)
    (directory / "ok.txt").write_text("Fine\n")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.png").write_bytes(png())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.txt").write_text(SECRET)
    return directory


def write_calendar(directory: Path, name: object, field: str = "message_file") -> Path:
    path = directory / "launch.csv"
    path.write_text(f"page,scheduled_at,{field}\nx:bluebird,2026-12-24 18:00,{name}\n")
    return path


def link(path: Path, target: Path | str) -> str:
    path.symlink_to(target)
    return path.name


def check_refused(result: Result, reason: str, field: str = "message_file") -> None:
    assert result.code == 2, result.out + result.err
    assert f"launch.csv:2: {field}: " in result.err
    assert reason in result.err
    assert SECRET not in result.out + result.err


WAYS_OUT: dict[str, Callable[[Path], object]] = {
    "parent": lambda _: "../secret.txt",
    "parent of a subdirectory": lambda _: "sub/../../secret.txt",
    "Windows path": lambda _: "..\\secret.txt",
    "absolute": lambda directory: directory.parent / "secret.txt",
    "system file": lambda _: "/etc/passwd",
    "missing file": lambda _: "../missing.txt",
    "link": lambda directory: link(directory / "a.txt", "../secret.txt"),
    "absolute link": lambda directory: link(directory / "a.txt", directory.parent / "secret.txt"),
    "link to a link": lambda directory: link(
        directory / "a.txt", link(directory / "b.txt", "../secret.txt")
    ),
    "linked directory": lambda directory: (
        f"sub/{link(directory / 'sub' / 'dir', directory.parent / 'elsewhere')}/secret.txt"
    ),
    "parent of a linked directory": lambda directory: (
        f"{link(directory / 'dir', directory.parent / 'elsewhere')}/../secret.txt"
    ),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_message_file_outside_directory_is_rejected(
    cli: CommandLine, directory: Path, way: str
) -> None:
    path = write_calendar(directory, WAYS_OUT[way](directory))
    for words in ((), ("--dry-run",), ("--json",)):
        result = cli.run("bulk", "schedule", str(path), *words)
        check_refused(result, REFUSED)
        assert "--allow-outside" in result.err
    assert cli.run("posts", "list", "-q").out == ""


@pytest.mark.parametrize("words", [("status",), ("reconcile",), ("cancel", "--yes")])
def test_no_command_reads_files_outside(
    cli: CommandLine, directory: Path, words: tuple[str, ...]
) -> None:
    path = write_calendar(directory, "../secret.txt")
    result = cli.run("bulk", words[0], str(path), *words[1:])
    # The rows of a calendar that is cancelled are not shown.
    assert REFUSED in result.err or words[0] == "cancel"
    assert SECRET not in result.out + result.err
    plan = directory / "a.plan"
    check_refused(cli.run("bulk", "plan", str(path), "-o", str(plan)), REFUSED)
    assert not plan.exists()


@pytest.mark.parametrize("name", ["../secret.png", "{parent}/secret.png", "link.png"])
def test_media_file_outside_directory_is_rejected(
    cli: CommandLine, directory: Path, name: str
) -> None:
    link(directory / "link.png", "../secret.png")
    path = write_calendar(directory, name.format(parent=directory.parent), "media_files")
    check_refused(cli.run("bulk", "schedule", str(path)), REFUSED, "media_files")
    assert cli.run("media", "list", "-q").out == ""
    result = cli.run("bulk", "schedule", str(path), "--allow-outside", "-q")
    assert result.code == 0, result.err
    assert len(cli.run("media", "list", "-q").out.split()) == 1


@pytest.mark.parametrize("name", ["ok.txt", "sub/../ok.txt", "./ok.txt", "{here}/ok.txt", "in.txt"])
def test_files_inside_directory_are_read(cli: CommandLine, directory: Path, name: str) -> None:
    link(directory / "in.txt", "ok.txt")
    path = write_calendar(directory, name.format(here=directory))
    result = cli.run("bulk", "schedule", str(path), "--dry-run")
    assert result.code == 0, result.err
    assert "Fine" in result.out


def test_linked_calendar_has_directory_of_its_file(
    cli: CommandLine, directory: Path, tmp_path: Path
) -> None:
    write_calendar(directory, "ok.txt")
    beside_link = tmp_path / "elsewhere" / "launch.csv"
    link(beside_link, directory / "launch.csv")
    assert cli.run("bulk", "schedule", str(beside_link), "--dry-run").code == 0
    write_calendar(directory, tmp_path / "elsewhere" / "secret.txt")
    check_refused(cli.run("bulk", "schedule", str(beside_link)), REFUSED)


def test_calendar_from_stdin_has_current_directory(
    cli: CommandLine, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory)
    row = "x:bluebird,2026-12-24 18:00,"
    result = cli.run("bulk", "schedule", "-", "--dry-run", stdin=f"{HEAD}{row}ok.txt\n")
    assert (result.code, "Fine" in result.out) == (0, True), result.err
    result = cli.run("bulk", "schedule", "-", stdin=f"{HEAD}{row}../secret.txt\n")
    assert (result.code, REFUSED in result.err) == (2, True)
    words = ("bulk", "schedule", "-", "--dry-run", "--allow-outside")
    assert SECRET in cli.run(*words, stdin=f"{HEAD}{row}../secret.txt\n").out


def test_each_command_needs_its_own_allow_outside(cli: CommandLine, directory: Path) -> None:
    path, plan = str(write_calendar(directory, "../secret.txt")), str(directory / "a.plan")
    planned = cli.run("bulk", "plan", path, "--allow-outside", "-o", plan)
    assert planned.code == 0, planned.err
    assert "Apply it with: outreply bulk apply" in planned.err
    assert planned.err.rstrip().endswith("--allow-outside")
    # A plan does not carry `--allow-outside`.
    check_refused(cli.run("bulk", "apply", plan), REFUSED)
    forged = Path(plan).read_text().replace("options:\n", "options:\n  allow_outside: true\n")
    (directory / "forged.plan").write_text(forged)
    result = cli.run("bulk", "apply", str(directory / "forged.plan"))
    assert (result.code, "options that outreply does not know" in result.err) == (2, True)
    for words in (
        ("apply", plan),
        ("status", path),
        ("reconcile", path),
        ("schedule", path, "--dry-run"),
        ("cancel", path, "--yes"),
    ):
        result = cli.run("bulk", *words, "--allow-outside")
        assert result.code == 0, result.err
        assert REFUSED not in result.err


def test_own_files_are_never_read(
    cli: CommandLine, emulator: EmulatorServer, directory: Path
) -> None:
    login = cli.run(
        "auth", "login", "--with-token", "--insecure-storage", stdin=cli.environ["OUTREPLY_API_KEY"]
    )
    assert login.code == 0, login.err
    assert cli.run("bulk", "status", str(write_calendar(directory, "ok.txt"))).code == 0
    token, journal = cli.home / "config" / "tokens" / "default", cli.home / "state" / "journal.db"
    link(directory / "file.txt", token)
    link(directory / "dir", cli.home / "config")
    link(directory / "home", cli.home)
    names = (token, journal, "file.txt", "dir/tokens/default", "home/config/../config/config.toml")
    for name in names:
        for field in ("message_file", "media_files"):
            path = write_calendar(directory, name, field)
            result = cli.run("bulk", "schedule", str(path), "--allow-outside", "--dry-run")
            check_refused(result, OWN, field)
            assert emulator.token not in result.out + result.err
            # The option would not help, so it is not named.
            result = cli.run("bulk", "schedule", str(path), "--dry-run")
            check_refused(result, OWN, field)
            assert "--allow-outside" not in result.err


def test_own_files_below_calendar_are_never_read(cli: CommandLine, directory: Path) -> None:
    cli.environ["OUTREPLY_STATE_DIR"] = str(directory / "state")
    cli.run("bulk", "status", str(write_calendar(directory, "ok.txt")))
    (directory / "state" / "note.txt").write_text(SECRET)
    path = write_calendar(directory, "state/note.txt")
    check_refused(cli.run("bulk", "schedule", str(path), "--dry-run"), OWN)


def test_directory_under_another_path_is_recognized(tmp_path: Path) -> None:
    # Simulates a case-insensitive file system or a bind mount.
    private = tmp_path / "private"
    private.mkdir()
    (tmp_path / "x").mkdir()
    (private / "token").write_text(SECRET)
    with pytest.raises(FileRefusedError, match=OWN):
        file_scope._open_without_links(private / "token", [tmp_path / "x" / ".." / "private"],
                                       check_regular)  # fmt: skip


def test_links_are_refused_without_directory_descriptors(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Simulates Windows.
    monkeypatch.setattr(file_scope, "_HAS_DIRECTORY_DESCRIPTORS", False)
    scope = FileScope(directory.resolve(), (directory / "sub",))
    link(directory / "a.txt", "../secret.txt")
    (directory / "sub" / "token").write_text(SECRET)
    assert read(scope.open(directory / "ok.txt", check_regular)) == "Fine\n"
    for name, reason in (("a.txt", REFUSED), ("sub/token", OWN)):
        with pytest.raises(FileRefusedError, match=reason):
            scope.open(directory / name, check_regular)
    with pytest.raises(FileRefusedError, match=OWN):
        file_scope._open_without_links(
            directory / "sub" / "token", [directory / "sub" / ".." / "sub"], check_regular
        )


@pytest.mark.parametrize("field", ["message_file", "media_files"])
def test_special_files_are_refused(cli: CommandLine, directory: Path, field: str) -> None:
    os.mkfifo(directory / "pipe")
    for name, words in (
        ("pipe", ()),
        ("sub", ()),
        ("/dev/zero", ("--allow-outside",)),
        ("/", ("--allow-outside",)),
    ):
        path = write_calendar(directory, name, field)
        result = cli.run("bulk", "schedule", str(path), *words, "--dry-run")
        check_refused(result, "irectory" if name == "/" else "not a regular file", field)


def swap(directory: Path, target: Path) -> None:
    """Replace a directory by a link to another one."""
    directory.rename(directory.with_name("moved"))
    link(directory, target)


def read(descriptor: int) -> str:
    with os.fdopen(descriptor) as stream:
        return stream.read()


@pytest.mark.parametrize("swapped", ["sub", "."])
def test_directory_swapped_after_resolving_is_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    name = "sub/secret.txt" if swapped == "sub" else "secret.txt"
    (directory / name).write_text("Fine")
    scope = FileScope(directory.resolve())
    realpath = os.path.realpath

    def resolve(path: str, *, strict: bool = False) -> str:
        resolved = realpath(path, strict=strict)
        if str(path).endswith("secret.txt"):
            swap(directory / swapped, directory.parent / "elsewhere")
        return resolved

    monkeypatch.setattr(os.path, "realpath", resolve)
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        scope.open(directory / name, check_regular)


def test_directory_swapped_before_opening_is_not_followed(directory: Path) -> None:
    (directory / "sub" / "secret.txt").write_text("Fine")
    swaps = iter([True, False])

    def check(status: os.stat_result) -> None:
        if next(swaps):
            swap(directory / "sub", directory.parent / "elsewhere")
        check_regular(status)

    scope = FileScope(directory.resolve())
    assert read(scope.open(directory / "sub" / "secret.txt", check)) == "Fine"


def test_file_swapped_before_opening_is_refused(directory: Path) -> None:
    path = directory / "ok.txt"

    def replace_by_link(_status: os.stat_result) -> None:
        path.unlink()
        link(path, directory.parent / "secret.txt")

    with pytest.raises(OSError, match="symbolic links"):
        FileScope(directory.resolve()).open(path, replace_by_link)


def test_file_swapped_before_upload_is_refused(directory: Path) -> None:
    path = directory / "hero.png"
    path.write_bytes(png())
    inspected = inspect(path, StorageLimits(), FileScope(directory.resolve()))
    path.unlink()
    link(path, directory.parent / "secret.png")
    with pytest.raises(MediaFileError, match="changed"):
        hash_file(inspected)
    path.unlink()
    # Opening a pipe would wait for its writer.
    os.mkfifo(path)
    with pytest.raises(MediaFileError, match="changed"):
        hash_file(inspected)
