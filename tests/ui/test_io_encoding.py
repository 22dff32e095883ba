"""UTF-8 in and out of every command, in any locale, and the order of stdout and stderr."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
import yaml

from outreply_cli.webhooks.signature import sign
from tests.command_line import CommandLine, Result
from tests.commands.receiver_process import run_receiver
from tests.forks import run_forks

TEXT = "Zwei Räder 🚲"
POST = ("posts", "schedule", "--page", "twitter:bluebird", "--tz", "UTC", "--at")
# Windows redirection, C locale, and PYTHONIOENCODING values that users set.
LOCALES = [
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"PYTHONIOENCODING": "utf-16"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
]


# The program, with a command whose help is not ASCII.
HELP = """
from outreply_cli.__main__ import main
from outreply_cli.commands.brands import list as command
command.run.run.__doc__ = TEXT
main()
"""


def help_page_with(cli: CommandLine, text: str, locale: dict[str, str]) -> str:
    """The help page of `brands list` with another summary, as printed in `locale`."""
    done = subprocess.run(
        [sys.executable, "-c", HELP.replace("TEXT", ascii(text)), "brands", "list", "--help"],
        env={**cli.environ, **locale}, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.decode("utf-8")


def spawn(
    cli: CommandLine, *words: str, stdin: bytes = b"", env: dict[str, str] | None = None
) -> bytes:
    done = subprocess.run(
        cli.words(*words), input=stdin, env={**cli.environ, **(env or {})}, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_output_for_programs_is_utf8(
    cli: CommandLine, tmp_path: Path, locale: dict[str, str]
) -> None:
    message = tmp_path / "m.txt"
    message.write_text(TEXT, encoding="utf-8")
    assert cli.run(*POST, "2026-12-24 18:00", "-F", str(message)).code == 0

    read: dict[str, Callable[[str], object]] = {
        "json": lambda text: json.loads(text)[0]["message"],
        "jsonl": lambda text: json.loads(text)["message"],
        "yaml": lambda text: yaml.safe_load(text)[0]["message"],
        "csv": lambda text: next(csv.DictReader(io.StringIO(text)))["message"],
        "tsv": lambda text: next(csv.DictReader(io.StringIO(text), delimiter="\t"))["message"],
        "table": lambda text: text.rstrip("\n").split("\t")[-1],
    }
    exports = [
        ["posts", "export", "--scheduled"], ["bulk", "export"], ["posts", "export", "--json"],
        ["api", "GET", "/posts/scheduled"],
    ]  # fmt: skip
    lists = [["posts", "list", "-o", name] for name in read]
    results = run_forks(cli, [*lists, *exports], tmp_path / "output", env=locale)
    assert [result.code for result in results] == [0] * len(results), results
    for (name, parse), result in zip(read.items(), results, strict=False):
        assert parse(result.out) == TEXT, name
    for words, result in zip(exports, results[len(read) :], strict=True):
        assert TEXT in result.out, words
    assert TEXT in help_page_with(cli, TEXT, locale)


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_export_comes_back_unchanged(
    cli: CommandLine, tmp_path: Path, locale: dict[str, str]
) -> None:
    assert cli.run(*POST, "2026-12-24 18:00", "-F", "-", stdin=TEXT.encode()).code == 0
    now = tmp_path / "now.csv"
    now.write_bytes(spawn(cli, "bulk", "export", env=locale))
    result = cli.run("bulk", "schedule", str(now), "--dry-run", "--json")
    summary = json.loads(result.out)["summary"]
    assert {name: count for name, count in summary.items() if count} == {"unchanged": 1}
    plan = tmp_path / "a.plan"
    spawn(cli, "bulk", "plan", str(now), "-o", str(plan), env=locale)
    assert TEXT in plan.read_text(encoding="utf-8")


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_errors_for_programs_are_utf8(cli: CommandLine, locale: dict[str, str]) -> None:
    done = subprocess.run(
        cli.words("posts", "list", "--page", "Café 🚲", "--json"),
        env={**cli.environ, **locale}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    error = json.loads(done.stderr.decode("utf-8"))["error"]
    # The arguments themselves are in the encoding of the locale.
    assert "LC_ALL" in locale or "Café 🚲" in error["message"]


def test_completion_is_utf8(cli: CommandLine) -> None:
    account = cli.home / "state"
    spawn(cli, "pages", "list")
    (cache,) = account.glob("completion/*.json") or account.rglob("*.json")
    content = json.loads(cache.read_text())
    text = json.dumps(content, ensure_ascii=False).replace("Acme Official", "Café 🚲")
    cache.write_text(text, encoding="utf-8")
    for locale in LOCALES:
        out = spawn(cli, "__complete", "posts", "list", "--page", "", env=locale)
        assert "Café 🚲" in out.decode("utf-8")


def test_terminal_gets_replacements_and_json_stays_utf_8(cli: CommandLine) -> None:
    assert cli.run(*POST, "2026-12-24 18:00", "-F", "-", stdin=TEXT.encode()).code == 0
    for locale in ({"LANG": "C"}, {"PYTHONIOENCODING": "ascii"}):
        # Users see a replacement; programs that run the command on a terminal get UTF-8.
        child = cli.at_terminal("posts", "list", env={**locale, "NO_COLOR": "1"})
        child.expect(r"Zwei R.der \?\?")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        child = cli.at_terminal("posts", "list", "--json", env=locale)
        child.expect(f'"message": "{TEXT}"')
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0


STDIN = {
    "UTF-8": TEXT.encode(),
    "byte order mark": ("\ufeff" + TEXT).encode(),
    "UTF-16-LE": ("\ufeff" + TEXT).encode("utf-16-le"),
    "UTF-16-BE": ("\ufeff" + TEXT).encode("utf-16-be"),
    "CRLF": f"{TEXT}\r\n".encode(),
}


@pytest.mark.parametrize("form", STDIN)
def test_message_from_stdin_is_decoded(cli: CommandLine, tmp_path: Path, form: str) -> None:
    file = tmp_path / "m.txt"
    file.write_bytes(STDIN[form])
    words = (*POST, "2026-12-24 18:00", "--dry-run", "--json", "-F")
    for result in (cli.run(*words, "-", stdin=STDIN[form]), cli.run(*words, str(file))):
        assert json.loads(result.out)[0]["message"] == TEXT


@pytest.mark.parametrize("form", ["UTF-8", "UTF-16-LE"])
def test_message_from_stdin_of_a_process_is_decoded(cli: CommandLine, form: str) -> None:
    words = (*POST, "2026-12-24 18:00", "--dry-run", "--json", "-F", "-")
    out = spawn(cli, *words, stdin=STDIN[form], env={"PYTHONIOENCODING": "cp1252"})
    assert json.loads(out)[0]["message"] == TEXT


def encode_like(form: str, text: str) -> bytes:
    """Encode a text as a value of STDIN is encoded."""
    match form:
        case "byte order mark":
            return ("\ufeff" + text).encode()
        case "UTF-16-LE" | "UTF-16-BE":
            return ("\ufeff" + text).encode(form)
        case "CRLF":
            return text.replace("\n", "\r\n").encode()
    return text.encode()


@pytest.mark.parametrize("form", STDIN)
def test_every_command_decodes_its_stdin(cli: CommandLine, tmp_path: Path, form: str) -> None:
    def run(*words: str, stdin: str) -> Result:
        result = cli.run(*words, stdin=encode_like(form, stdin))
        assert result.code == 0, result.err
        return result

    head = "page,scheduled_at,message\n"
    calendars = (
        f'{head}x:bluebird,2026-12-24 18:00,"{TEXT}\nzwei"\n',
        f"""# a, b
posts:
- page: x:bluebird
  scheduled_at: 2026-12-24 18:00
  message: |
    {TEXT}
    zwei
""",
    )
    for calendar in calendars:
        for ending in ("csv", "yaml"):
            (tmp_path / f"c.{ending}").write_bytes(encode_like(form, calendar))
        ending = "yaml" if "posts:" in calendar else "csv"
        for name in ("-", str(tmp_path / f"c.{ending}")):
            result = run("bulk", "schedule", name, "--dry-run", stdin=calendar)
            assert TEXT in result.out
            assert "zwei" in result.out
    body = json.dumps({"page_id": "x", "message": TEXT}, ensure_ascii=False)
    result = cli.run("api", "POST", "/posts/schedule", "--input", "-",
                     stdin=encode_like(form, body))  # fmt: skip
    assert "PAGE" in result.err.upper()
    comment = cli.run("comments", "inbox", "--all", "--days", "60", "-q").out.split()[0]
    replied = run("comments", "reply", comment, "-F", "-", "--yes", "--json", stdin=f"{TEXT}\n")
    assert json.loads(replied.out)["message"] == TEXT
    settings = ("--page", "tiktok:bluebirdcoffee", "--at", "2026-12-24 18:00", "-m", "x")
    text = json.dumps({"title": TEXT}, ensure_ascii=False, indent=1)
    scheduled = run("posts", "schedule", *settings, "--tiktok", "@-", "--dry-run", "--json",
                    stdin=text)  # fmt: skip
    assert json.loads(scheduled.out)[0]["tiktok_settings"] == {"title": TEXT}
    token = cli.environ["OUTREPLY_API_KEY"]
    run("auth", "login", "--with-token", "--insecure-storage", stdin=f"{token}\n")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (TEXT[:8].encode("latin-1"), "Stdin is not UTF-8 text (line 1)"),
        (("\n" + TEXT[:8]).encode("cp1252"), "Stdin is not UTF-8 text (line 2)"),
        (TEXT.encode("utf-16-le"), "not UTF-8"),
        ("Hi".encode("utf-16-le"), "UTF-16 without a byte order mark"),
    ],
)
def test_other_encodings_are_refused(cli: CommandLine, content: bytes, problem: str) -> None:
    for words in (
        (*POST, "2026-12-24 18:00", "-F", "-"),
        ("api", "POST", "/posts/schedule", "--input", "-"),
        ("auth", "login", "--with-token"),
    ):
        result = cli.run(*words, stdin=content)
        assert (result.code, problem in result.err) == (2, True), result.err
        assert "UTF-8" in result.err
    result = cli.run("bulk", "schedule", "-", stdin=b"page,scheduled_at\nx,\xe9\n")
    assert (result.code, "-:2: the file is not UTF-8 text" in result.err) == (2, True)
    assert cli.run("posts", "list", "-q").out == ""


def test_message_from_an_editor_in_another_encoding_is_rejected(
    cli: CommandLine, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "Gr\\374\\337e" > "$1"\n')
    editor.chmod(0o755)
    result = cli.run(*POST, "2026-12-24 18:00", "--edit", env={"EDITOR": str(editor)})
    assert (result.code, "The message is not UTF-8 text" in result.err) == (2, True)


def test_signed_body_stays_raw(cli: CommandLine) -> None:
    for body in (("\ufeff" + TEXT + "\r\n").encode(), TEXT.encode("utf-16-le"), b"\xff\x00"):
        cli.environ["OUTREPLY_WEBHOOK_SECRET"] = "s3cret"
        result = cli.run("webhooks", "verify", "--signature", sign(body, "s3cret"), stdin=body)
        assert result.code == 0, result.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_notes_appear_immediately(cli_logged_out: CommandLine, unbuffered: str) -> None:
    cli_logged_out.environ["PYTHONUNBUFFERED"] = unbuffered
    # The fixture waits for the address on stderr.
    with run_receiver(cli_logged_out) as receiver:
        assert receiver.url.startswith("http://")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_stdout_and_stderr_keep_their_order(
    cli: CommandLine, tmp_path: Path, unbuffered: str
) -> None:
    calendar = tmp_path / "c.csv"
    calendar.write_text("page,scheduled_at,message\nx:bluebird,2026-12-24 18:00,Hi\n")
    log = tmp_path / "out.log"
    for words, before, after in (
        (("bulk", "schedule", str(calendar), "--dry-run", "-v"), "Hi", "Dry run: nothing"),
        (("comments", "inbox", "--all", "--days", "60"), "jane.doe", " unanswered, "),
    ):
        with log.open("wb") as file:
            done = subprocess.run(
                cli.words(*words), env={**cli.environ, "PYTHONUNBUFFERED": unbuffered},
                stdout=file, stderr=file, stdin=subprocess.DEVNULL, timeout=60, check=False,
            )  # fmt: skip
        text = log.read_text()
        assert done.returncode == 0, text
        assert 0 <= text.index(before) < text.rindex(after), text


def test_note_is_written_after_a_closed_pipe(cli: CommandLine, tmp_path: Path) -> None:
    # Writing the note must not fail because stdout, which is written first, is gone.
    calendar = tmp_path / "c.csv"
    calendar.write_text("page,scheduled_at,message\nx:bluebird,2026-12-24 18:00,Hi\n")
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            cli.words("bulk", "schedule", str(calendar), "--dry-run"), env=cli.environ,
            stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(write_end)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "Dry run: nothing was sent." in done.stderr
