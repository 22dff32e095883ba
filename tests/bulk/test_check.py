"""`bulk check`: problems of calendars without an account and without a network."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import CommandLine
from tests.media.sample_files import png

HEADER = "key,page,scheduled_at,message,media_files,media_urls\n"


def write(tmp_path: Path, *rows: str, header: str = HEADER) -> str:
    path = tmp_path / "c.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return str(path)


def check(cli: CommandLine, *words: str, code: int) -> list[dict[str, Any]]:
    result = cli.run("bulk", "check", *words, "--json")
    assert result.code == code, result
    problems: list[dict[str, Any]] = json.loads(result.out)
    return problems


def test_check_accepts_valid_calendar(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    path = write(
        tmp_path,
        "a,facebook:acme,2026-12-24 18:00,Hi,a.png,",
        "b,Acme News;x:acme,2026-12-24 19:00,Hi,,https://e.com/a.jpg",
    )
    result = cli_logged_out.run("bulk", "check", path)
    assert (result.code, result.out) == (0, "")
    assert result.err == "Checked 2 rows.\n"
    assert check(cli_logged_out, path, code=0) == []


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        ("a,x:acme,soon,Hi,,", "scheduled_at", "invalid time 'soon'"),
        ("a,x:acme,2027-03-28 02:30,Hi,,", "scheduled_at", "nonexistent time"),
        ("a,x:acme,05/06/2027 18:00,Hi,,", "scheduled_at", "--date-order"),
        ("a,x:acme,2026-12-24 18:00,,,", "message", "required"),
        ("a,x:acme,2026-12-24 18:00,Hi,gone.png,", "media_files", "cannot read gone.png"),
        ("a,x:acme,2026-12-24 18:00,Hi,c.csv,", "media_files", "c.csv: "),
        ("a,x:acme,2026-12-24 18:00,Hi,../a.png,", "media_files", "--allow-outside"),
        ("a,x:acme,2026-12-24 18:00,Hi,,ftp://e.com/a", "media_urls", "must start with https"),
        ("a,x:,2026-12-24 18:00,Hi,,", "page", "'x:' has no user name; write x:NAME"),
        ("a,x:acme;TW:@Acme,2026-12-24 18:00,Hi,,", "page", "duplicate page"),
        ("a,,2026-12-24 18:00,Hi,,", "page", "required"),
    ],
)
def test_error_has_file_line_and_field(
    cli_logged_out: CommandLine, tmp_path: Path, row: str, field: str, message: str
) -> None:
    (tmp_path.parent / "a.png").write_bytes(png())
    path = write(tmp_path, row)
    (problem,) = check(cli_logged_out, path, code=2)
    assert (problem["file"], problem["line"], problem["field"]) == (path, 2, field)
    assert (problem["severity"], message in problem["message"]) == ("error", True)
    result = cli_logged_out.run("bulk", "check", path)
    assert result.out == f"{problem['text']}\n"
    assert result.err.startswith(f"Error: 1 problem in {path}\n")


def test_all_files_are_checked(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    first = write(tmp_path, "a,x:acme,soon,Hi,,", "a,x:acme,2026-12-24 18:00,Hi,,")
    second = tmp_path / "d.yaml"
    second.write_text("posts:\n- page: x:acme\n  scheduled_at: later\n  mesage: Hi\n")
    problems = check(cli_logged_out, first, str(second), code=2)
    assert [(Path(p["file"]).name, p["line"], p["field"]) for p in problems] == [
        ("c.csv", 2, "scheduled_at"), ("c.csv", 3, "key"),
        ("d.yaml", 2, "message"), ("d.yaml", 2, "scheduled_at"), ("d.yaml", 4, "mesage"),
    ]  # fmt: skip


def test_strict_makes_warnings_errors(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, "a,instgram:acme,tomorrow 18:00,Hi,,")
    warnings = check(cli_logged_out, path, code=0)
    assert [(p["field"], p["severity"]) for p in warnings] == [
        ("scheduled_at", "warning"), ("page", "warning"),
    ]  # fmt: skip
    assert warnings[1]["message"] == ("unknown platform 'instgram'; did you mean instagram:acme?")
    shown = cli_logged_out.run("bulk", "check", path).out.splitlines()
    assert shown == [
        f"{p['file']}:{p['line']}: warning: {p['field']}: {p['message']}" for p in warnings
    ]
    assert cli_logged_out.run("bulk", "check", path, "-q").err.splitlines() == shown
    errors = check(cli_logged_out, path, "--strict", code=2)
    assert [p["severity"] for p in errors] == ["error", "error"]


def test_rows_of_a_file_that_break_guardrails_are_reported(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    path = write(
        tmp_path,
        "a,linkedin:acme,2026-12-24 18:00,Hi,,",
        # The same page by another name of its platform, in another zone.
        "b,LN:@Acme,2026-12-24T18:00:30+01:00,Hi,,",
        "c,linkedin:other,2026-12-24 18:00,Hi,,",
        *(f"d{n},linkedin:busy,2026-12-24 18:{n:02},Hi,," for n in range(4)),
    )
    problems = check(cli_logged_out, path, code=2)
    assert [p["line"] for p in problems] == [3, 8]
    assert "posts of a page must be 60 s apart (lines 2, 3)" in problems[0]["message"]
    assert "allows 3 posts per hour, but 4 are planned" in problems[1]["message"]


def test_times_in_brand_zones_are_compared_only_with_each_other(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    header = "page,scheduled_at,timezone,message\n"
    path = write(
        tmp_path,
        "x:acme,2026-12-24 18:00,brand,Hi",
        # Twelve hours later where the row above would be earliest.
        "x:acme,2026-12-25 06:00,UTC,Hi",
        "x:acme,2026-12-24 18:00:10,Brand,Hi",
        "x:acme,2027-03-28 02:30,brand,Hi",
        header=header,
    )
    (problem,) = check(cli_logged_out, path, code=2)
    assert "(lines 2, 4)" in problem["message"]


def test_past_and_distant_rows_have_no_problems(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    path = write(
        tmp_path,
        "a,x:acme,2026-01-05 09:00,Hi,gone.png,",
        "b,x:acme,2026-01-05 09:00,,,ftp://e.com",
        "c,x:acme,2027-11-05 09:00,Hi,,",
    )
    result = cli_logged_out.run("bulk", "check", path, "--strict")
    assert (result.code, result.out) == (0, "")
    assert result.err == "Checked 1 row; skipped 2 in the past.\n"


def test_check_agrees_with_dry_run(cli: CommandLine, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a,facebook:acme,soon,Hi,,",
        "b,facebook:acme,2026-12-02 18:00,,,",
        "c,facebook:acme,2026-12-03 18:00,Hi,gone.png,",
        "d,linkedin:acme-co,2026-12-04 18:00,Hi,,ftp://e.com/a.jpg",
        "d,facebook:acme,2026-12-05 18:00,Hi,,",
        "e,facebook:acme,2026-12-05 18:00:20,Hi,,",
    )
    dry_run = cli.run("bulk", "schedule", path, "--dry-run", "--json")
    assert dry_run.code == 2
    expected = json.loads(dry_run.err.splitlines()[-1])["error"]["details"]["problems"]
    problems = check(cli, path, code=2)
    for problem in problems:
        assert problem.pop("severity") == "error"
    assert problems == expected
    assert len(problems) == 6


def test_problems_become_github_annotations(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, "a,x:acme,soon,Hi,,", "b,instgram:acme,2026-12-24 18:00,Hi,,")
    result = cli_logged_out.run(
        "bulk", "check", path,
        env={"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path)},
    )  # fmt: skip
    error, warning, *_ = result.err.splitlines()
    assert error.startswith("::error file=c.csv,line=2,title=outreply::scheduled_at: invalid time")
    assert warning.startswith("::warning file=c.csv,line=3,title=outreply::page: unknown platform")


def test_stdin_is_checked(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("bulk", "check", "-", stdin=f"{HEADER}a,x:acme,soon,Hi,,\n")
    assert result.code == 2
    assert result.out.startswith("-:2: scheduled_at: ")


def test_missing_file_is_a_usage_error(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("bulk", "check", "missing.csv")
    assert (result.code, result.out) == (2, "")
    assert "Cannot read missing.csv" in result.err


# Prints the sockets that were opened, and the files of outreply's directories that were.
SPY = """
import os, sys
from outreply_cli.__main__ import run
seen = []
own = (os.environ["OUTREPLY_CONFIG_DIR"], os.environ["OUTREPLY_STATE_DIR"])
def hook(event, args):
    if event.startswith("socket.") or event in {"subprocess.Popen", "sqlite3.connect"}:
        seen.append(event)
    if event == "open" and str(args[0]).startswith(own):
        seen.append(os.path.relpath(args[0], os.environ["HOME"]))
sys.addaudithook(hook)
sys.argv = ["outreply", "bulk", "check", *sys.argv[1:]]
code = run()
sys.stdout.flush()
print(*sorted(set(seen)), *sorted({"httpx", "keyring"} & sys.modules.keys()), f"code={code}")
"""


def test_check_uses_no_account_and_no_network(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path, "a,x:acme,2099-12-24 18:00,Hi,,https://e.com/a.jpg")
    environ = {**cli_logged_out.environ, "OUTREPLY_API_KEY": "not a token"}
    del environ["OUTREPLY_TIMEZONE"]
    done = subprocess.run(
        [sys.executable, "-c", SPY, path], env=environ, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    # Only the profile's time zone is read, the user's own rules, and the options remembered for the
    # file.
    config, rules, remembered, code = done.stdout.split()
    assert (config, rules) == ("config/config.toml", "config/platforms.yaml"), done
    assert code == "code=0"
    assert remembered.startswith("state/calendars/")


@pytest.mark.parametrize("words", [("--dry-run",), ()])
def test_schedule_without_account_names_check(
    cli_logged_out: CommandLine, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = write(tmp_path, "a,x:acme,2026-12-24 18:00,Hi,,")
    result = cli_logged_out.run("bulk", "schedule", path, *words)
    assert result.code == 4
    assert "`outreply bulk check` checks a calendar without an account" in result.err


@pytest.mark.parametrize("header", ["x\n::error::injected", "x\r::set-output::y"])
def test_text_of_a_calendar_is_not_a_command_of_the_runner(
    cli: CommandLine, tmp_path: Path, header: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f'key,page,scheduled_at,message,"{header}"\na,x:acme,soon,Hi,1\n', newline="")
    result = cli.run("bulk", "check", str(path), env={"GITHUB_ACTIONS": "true"})
    assert result.code != 0
    assert not [line for line in result.out.splitlines() if line.startswith("::")]
    for line in result.err.splitlines():
        assert line.startswith(("::error file=", "::warning file=")) or "::" not in line[:2]
