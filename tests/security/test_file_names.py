"""Text from the server never becomes a file name."""

from pathlib import Path

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine
from tests.media.sample_files import png

HOSTILE = "../../../../escaped/../x\x00/\\..\\y"


def paths_below(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_server_text_never_names_files(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(png())
    assert cli.run("media", "upload", str(picture)).code == 0
    assert cli.run("posts", "schedule", "--page", "x:bluebird", "--at", "in 2h", "-m", "x",
                   "--key", "k").code == 0  # fmt: skip
    expected = paths_below(tmp_path)
    with emulator.state.transaction() as db:
        db.execute("PRAGMA defer_foreign_keys = ON")
        db.execute("UPDATE media SET filename = ?", (HOSTILE,))
        db.execute("UPDATE pages SET username = ?, name = ?", (HOSTILE, HOSTILE))
        db.execute("UPDATE posts SET permalink = ?, message = ?", (HOSTILE, HOSTILE))
        db.execute("UPDATE users SET email = ?", (HOSTILE,))
    for words in (
        ("media", "list"), ("pages", "list"), ("posts", "list"), ("posts", "list", "--published"),
        ("brands", "list"), ("comments", "inbox", "--days", "300"), ("auth", "status"),
        ("posts", "export", "--all", "--ics", str(tmp_path / "mine.ics")),
        ("bulk", "export", "--file", str(tmp_path / "mine.csv")),
    ):  # fmt: skip
        assert cli.run(*words).code == 0, words
    new = {name for name in paths_below(tmp_path) - expected if "/" not in name}
    assert new == {"mine.ics", "mine.csv"}
    # Names of state files are fixed words or digests.
    strange = {name for name in paths_below(cli.home) if ".." in name or "escaped" in name}
    assert strange == set()
    assert not (tmp_path.parent / "escaped").exists()
