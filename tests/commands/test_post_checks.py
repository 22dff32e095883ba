"""`posts check`, and the rules of platforms in dry runs and plans."""

import json
from pathlib import Path
from typing import Any

import pytest

from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine, Result
from tests.media.sized_files import jpeg, mp4, png

SCHEDULE = ("posts", "schedule", "--page", "x:bluebird", "--at", "2026-12-24 18:00")
LONG = "日" * 141
TOO_LONG = (
    "the text has 282 characters as X counts them, but X allows at most 280 characters "
    "(https://docs.x.com/fundamentals/counting-characters, 2026-11-28)"
)
NEEDS_MEDIA = (
    "media_files: Instagram requires an image or a video "
    "(https://developers.facebook.com/docs/instagram-platform/content-publishing, 2026-11-28)"
)


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.out)
    return found


def own_rules(cli: CommandLine, text: str) -> None:
    path = Path(cli.environ["OUTREPLY_CONFIG_DIR"]) / "platforms.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_check_needs_no_account(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("posts", "check", "-m", "Hi https://example.com #now", "--json")
    assert result.code == 0
    found = {(row["platform"], row["rule"]): row for row in rows(result)}
    assert {platform for platform, _ in found} == {
        "instagram", "linkedin", "tiktok", "twitter", "youtube",
    }  # fmt: skip
    assert found["twitter", "max_characters"] == {
        "platform": "twitter",
        "rule": "max_characters",
        "status": "ok",
        "detail": "the text has 31 characters as X counts them; X allows at most 280 characters",
        "summary": "31 of 280 characters as X counts them",
        "source": "https://docs.x.com/fundamentals/counting-characters",
        "entered_on": "2026-11-28",
    }
    assert found["youtube", "required_media"]["status"] == "warning"
    assert found["instagram", "clickable_links"]["status"] == "warning"
    assert "Warning: YouTube requires a video (https://developers.google.com/" in result.err


def test_check_says_when_no_rule_applies(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("posts", "check", "--platform", "facebook", "-m", "Hi")
    assert (result.code, result.out) == (0, "")
    assert result.err == "No rules apply to this post.\n"


@pytest.mark.parametrize(
    ("options", "status", "code"), [((), "warning", 0), (("--strict",), "error", 2)]
)
def test_check_warns_of_a_broken_rule_and_fails_if_strict(
    cli_logged_out: CommandLine, options: tuple[str, ...], status: str, code: int
) -> None:
    result = cli_logged_out.run("posts", "check", "--platform", "x", "-m", LONG, "--json", *options)
    assert result.code == code
    (row,) = rows(result)
    assert (row["status"], row["summary"]) == (status, "282 of 280 characters as X counts them")
    assert TOO_LONG in result.err


def test_check_reports_what_the_api_refuses_as_errors(cli_logged_out: CommandLine) -> None:
    words = ("posts", "check", "--platform", "x", "--platform", "TW", "--json")
    result = cli_logged_out.run(*words, "-m", "x" * 5_001, "--first-comment", "Hi")
    assert result.code == 2
    api = [row for row in rows(result) if row["rule"] == "api"]
    assert [row["status"] for row in api] == ["error", "error"]
    assert "--message: 5,001 characters" in api[0]["detail"]
    assert "--first-comment: not supported on X" in api[1]["detail"]
    assert json.loads(result.err.splitlines()[-1])["error"]["code"] == "BROKEN_RULES"
    assert rows(cli_logged_out.run(*words, "-m", "Fine"))[0]["rule"] == "max_characters"


def test_check_measures_files_against_the_rules(
    cli_logged_out: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "wide.png").write_bytes(png(2_000, 500))
    (tmp_path / "clip.mp4").write_bytes(mp4(640, 360, 901))
    words = ("posts", "check", "--platform", "instagram", "--json")
    media = ("--media", str(tmp_path / "wide.png"), "--media", str(tmp_path / "clip.mp4"))
    result = cli_logged_out.run(*words, *media)
    broken = {row["rule"]: row["detail"] for row in rows(result) if row["status"] != "ok"}
    assert broken == {
        "image_formats": "wide.png is PNG, but Instagram allows JPEG images",
        "max_image_ratio": "wide.png is 2,000 x 500 pixels, but Instagram allows at most 1.91:1 "
        "(width:height) for an image",
        "max_video_seconds": "clip.mp4 lasts 901 s, but Instagram allows at most 15 min for a "
        "video",
    }
    missing = cli_logged_out.run(*words, "--media", str(tmp_path / "none.png"))
    assert missing.code == 2
    assert "--media: cannot read" in missing.err


def test_check_of_media_that_cannot_be_read_is_unknown(cli_logged_out: CommandLine) -> None:
    words = ("posts", "check", "--platform", "youtube", "--platform", "x", "--json")
    urls = ("--media", "https://cdn.example.com/a.mp4?x=1", "--media", "media:m1")
    found = {row["rule"]: row["status"] for row in rows(cli_logged_out.run(*words, *urls))}
    assert found["required_media"] == found["max_video_size"] == "unknown"
    assert found["max_videos"] == "ok"


def test_check_uses_the_platforms_of_the_pages(cli: CommandLine) -> None:
    pages = ("--page", "x:bluebird", "--page", "facebook:acme", "--page", "instagram:acme")
    result = cli.run("posts", "check", *pages, "-m", "Hi", "--json")
    assert {row["platform"] for row in rows(result)} == {"twitter", "instagram"}
    both = cli.run("posts", "check", *pages, "--platform", "x", "-m", "Hi")
    assert (both.code, "only one of --page and --platform" in both.err) == (2, True)
    unknown = cli.run("posts", "check", "--platform", "myspace", "-m", "Hi")
    assert "--platform: unknown platform 'myspace'" in unknown.err
    assert cli.run("posts", "check", "--page", "nope", "-m", "Hi").code == 5


def test_check_never_shows_a_secret(cli_logged_out: CommandLine) -> None:
    secret = "outreply_live_" + "a1" * 16
    url = f"https://cdn.example.com/{secret}.webp"
    result = cli_logged_out.run("posts", "check", "-m", "Hi", "--media", url, "--json")
    assert result.code == 2
    assert secret not in result.out + result.err


def test_check_uses_own_rules(cli_logged_out: CommandLine) -> None:
    check = ("posts", "check", "--platform", "x", "-m", LONG, "--json")
    own_rules(cli_logged_out, "x:\n  max_characters: 25000\n")
    (row,) = rows(cli_logged_out.run(*check))
    assert (row["status"], row["source"], row["entered_on"]) == ("ok", "platforms.yaml", None)
    own_rules(cli_logged_out, "x:\n  max_characters: null\n")
    assert rows(cli_logged_out.run(*check)) == []
    own_rules(cli_logged_out, "x:\n  max_caracters: 5\n")
    result = cli_logged_out.run(*check)
    assert result.code == 2
    assert "platforms.yaml:2: unknown rule 'max_caracters'" in result.err


def test_check_prints_one_line_for_each_rule(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run("posts", "check", "--platform", "x", "-m", "See example.com")
    assert result.out == (
        "X\tmax_characters\tok\tthe text has 27 characters as X counts them; X allows at most 280 "
        "characters\thttps://docs.x.com/fundamentals/counting-characters\n"
    )


def test_check_fits_a_terminal(cli_logged_out: CommandLine) -> None:
    words = ("posts", "check", "--platform", "x", "-m", LONG)
    child = cli_logged_out.at_terminal(*words, env={"NO_COLOR": "1"})
    shown = str(child.read())
    child.wait()
    assert "282 of 280 characters as X counts them" in shown
    assert "Source" not in shown


@pytest.mark.parametrize(
    "command", [SCHEDULE, ("posts", "publish", "--page", "x:bluebird", "--yes")]
)
def test_post_that_breaks_a_rule_gets_a_warning_or_a_strict_error(
    cli: CommandLine, emulator: EmulatorServer, command: tuple[str, ...]
) -> None:
    dry = cli.run(*command, "-m", LONG, "--dry-run")
    assert dry.code == 0
    assert f"Warning: --message: {TOO_LONG}" in dry.err
    strict = cli.run(*command, "-m", LONG, "--strict")
    assert strict.code == 2
    assert f"--message: {TOO_LONG}" in strict.err.replace("Error: ", "")
    sql = "SELECT count(*) FROM posts WHERE message = ?"
    assert emulator.state.connection.execute(sql, (LONG,)).fetchone()[0] == 0
    assert cli.run(*command, "-m", LONG).code == 0
    own_rules(cli, "x:\n  max_characters: 300\n")
    assert "Warning" not in cli.run(*command, "-m", LONG, "--strict", "--dry-run").err


def test_file_that_breaks_a_rule_gets_a_warning_or_a_strict_error(
    cli: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "wide.jpg").write_bytes(jpeg(2_000, 500))
    words = ("posts", "publish", "--page", "instagram:acme", "--dry-run", "--yes")
    result = cli.run(*words, "--media", str(tmp_path / "wide.jpg"))
    assert "Warning: --media: wide.jpg is 2,000 x 500 pixels, but Instagram" in result.err
    assert cli.run(*words, "--media", str(tmp_path / "wide.jpg"), "--strict").code == 2


def write_calendar(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["page,scheduled_at,message,media_files", *lines]) + "\n")
    return str(path)


def test_equal_warnings_of_many_rows_are_one(cli: CommandLine, tmp_path: Path) -> None:
    lines = [f"instagram:acme,2026-12-{day:02} {hour:02}:00,Row {day} {hour},"
             for day in range(1, 11) for hour in range(10, 20)]  # fmt: skip
    file = write_calendar(tmp_path / "many.csv", *lines)
    result = cli.run("bulk", "schedule", file, "--dry-run", "--spread")
    assert result.code == 0
    (warning,) = [line for line in result.err.splitlines() if "requires an image" in line]
    assert f"{file}:2: {NEEDS_MEDIA}" in warning
    assert "(also on lines 3, 4, 5, 6 and 95 more)" in warning
    strict = cli.run("bulk", "schedule", file, "--strict")
    assert strict.code == 2
    assert f"{file}:2: {NEEDS_MEDIA} (also on lines 3, 4, 5, 6 and 95 more)" in strict.err
    assert "100 problems in" in strict.err


def test_files_of_rows_are_checked(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "wide.jpg").write_bytes(jpeg(2_000, 500))
    (tmp_path / "good.jpg").write_bytes(jpeg(500, 500))
    file = write_calendar(
        tmp_path / "rows.csv",
        "instagram:acme,2026-12-24 18:00,One,wide.jpg",
        "instagram:acme,2026-12-25 18:00,Two,good.jpg",
        "instagram:acme,2026-12-26 18:00,Three,missing.jpg",
    )
    result = cli.run("bulk", "schedule", file, "--strict")
    problems = [line for line in result.err.splitlines() if line.startswith(file)]
    assert len(problems) == 2
    assert f"{file}:2: media_files: wide.jpg is 2,000 x 500 pixels" in problems[0]
    assert f"{file}:4: media_files: cannot read missing.jpg" in problems[1]


def test_strict_is_saved_with_a_plan(cli: CommandLine, tmp_path: Path) -> None:
    file = write_calendar(tmp_path / "rows.csv", f"x:bluebird,2026-12-24 18:00,{LONG[:140]},")
    plan = str(tmp_path / "saved.plan")
    assert cli.run("bulk", "plan", file, "-o", plan, "--strict").code == 0
    # Stricter rules than those of the plan: it is not applied.
    own_rules(cli, "x:\n  max_characters: 100\n")
    refused = cli.run("bulk", "apply", plan)
    assert refused.code == 2
    assert "X allows at most 100 characters (platforms.yaml)" in refused.err
    own_rules(cli, "")
    assert cli.run("bulk", "apply", plan).code == 0


@pytest.mark.parametrize("command", ["schedule", "plan", "status"])
def test_invalid_own_rules_stop_bulk_commands(
    cli: CommandLine, tmp_path: Path, command: str
) -> None:
    file = write_calendar(tmp_path / "rows.csv", "x:bluebird,2026-12-24 18:00,Hi,")
    own_rules(cli, "x: 5\n")
    options = ("-o", str(tmp_path / "plan")) if command == "plan" else ()
    result = cli.run("bulk", command, file, *options)
    assert result.code == 2
    assert "platforms.yaml:1: must be a mapping of rules" in result.err
