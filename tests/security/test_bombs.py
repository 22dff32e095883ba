"""Decompression and parser bombs, and regular expressions: limited time and memory."""

import ast
import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import outreply_cli
from outreply_cli import time_parser
from outreply_cli.bulk import series
from outreply_cli.emulator import endpoints
from tests.command_line import CommandLine

MEGABYTE = 1024 * 1024
MEMORY = 1200 * MEGABYTE
# CPU time: several times that of a slow machine.
SECONDS = 60
# For a process that waits instead of working.
HANG_SECONDS = 900

LOAD = """
import sys, time
from pathlib import Path
from outreply_cli.bulk.loader import load_calendar
for name in sys.argv[1:]:
    calendar = load_calendar(name)
    assert calendar.problems, name
    print(Path(name).name, calendar.problems[-1].message[:200].splitlines()[0])
"""


def limit_resources() -> None:
    """Limit the memory and CPU time of a child process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def run_bounded(program: str, *words: str, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *words], input=stdin, capture_output=True, text=True,
        check=False, timeout=HANG_SECONDS, preexec_fn=limit_resources,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_calendar_bombs_are_rejected_in_bounded_memory(tmp_path: Path) -> None:
    head = b"page,scheduled_at,message\n"
    pairs = b"".join(b"b%d: &b%d [*b%d, *b%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 64))
    bombs = {
        "rows.csv": head + b"a,b\n" * 10_000_000,
        "field.csv": head + b'a,b,"' + b"x" * (40 * MEGABYTE),
        "cells.csv": head + b"a," * (10 * MEGABYTE),
        "columns.csv": b"a," * (10 * MEGABYTE),
        "quotes.csv": head + b'"' * (20 * MEGABYTE),
        "aliases.yaml": b"b0: &b0 [x, x]\n" + pairs + b"posts: *b63\n",
        "merges.yaml": b"a: &a {x: 1}\nposts:\n - <<: *a\n",
        "deep.yaml": b"posts: " + b"[" * 100_000,
        "wide.yaml": b"posts: [" + b"a," * (2 * MEGABYTE),
        "anchors.yaml": b"posts: [&a" + b"a" * (5 * MEGABYTE) + b" x, *b]",
        "device.csv": head + b"a,b,\n",
    }
    for name, content in bombs.items():
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "gigabyte.csv").open("wb") as stream:
        stream.truncate(1024 * MEGABYTE)
    (tmp_path / "device.csv").write_bytes(b"page,scheduled_at,message_file\na,b,/dev/zero\n")
    names = [str(tmp_path / name) for name in (*bombs, "gigabyte.csv")]
    messages = dict(line.split(" ", 1) for line in run_bounded(LOAD, *names).splitlines())
    for path in names:
        Path(path).unlink()
    assert "more than 200000 rows" in messages["rows.csv"]
    assert "invalid CSV from this line" in messages["field.csv"]
    assert "cells, but the file has 3 columns" in messages["cells.csv"]
    assert "columns; the limit is" in messages["columns.csv"]
    assert "uses an anchor" in messages["aliases.yaml"]
    assert "uses an anchor" in messages["merges.yaml"]
    assert "nesting depth" in messages["deep.yaml"]
    assert "more than 2000000 values" in messages["wide.yaml"]
    assert "is outside the calendar's directory" in messages["device.csv"]
    assert "larger than 64 MB" in messages["gigabyte.csv"]


def test_plan_bomb_is_rejected(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    plan = tmp_path / "bomb.plan"
    pairs = "".join(f"b{n}: &b{n} [*b{n - 1}, *b{n - 1}]\n" for n in range(1, 64))
    plan.write_text(
        f"version: 1\nb0: &b0 [x, x]\n{pairs}calendar: *b63\ncalendar_sha256: *b63\n"
        "account: *b63\noptions: {}\nsteps: []\n"
    )
    result = cli_logged_out.run("bulk", "apply", str(plan))
    assert result.code == 2
    assert "is not an outreply plan" in result.err


def find_patterns() -> list[tuple[str, str, int, list[str]]]:
    """Every regular expression of the package: location, pattern, flags and methods used."""
    root = Path(outreply_cli.__file__).parent
    patterns: list[tuple[str, str, int, list[str]]] = []
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert "from re import" not in text
        if not re.search(r"\bre\.\w+\(", text):
            continue
        tree = ast.parse(text)
        for call, name in find_re_calls(tree):
            assert isinstance(call.func, ast.Attribute)
            location, method = f"{path.relative_to(root)}:{call.lineno}", call.func.attr
            if isinstance(call.args[0], ast.Name):
                # The parts of a time come from a table.
                patterns += [
                    (f"{location} {name}", pattern, int(re.IGNORECASE), ["match"])
                    for name, pattern in time_parser._PARTS.items()
                ]
                continue
            if method == "compile" and not name and path.name in {"series.py", "endpoints.py"}:
                # The parts of a rule, and the paths of the emulator, are in tables.
                continue
            methods = [method] if method != "compile" else find_methods(tree, name)
            assert methods, f"{location} is not used"
            ignore_case = any("IGNORECASE" in ast.dump(part) for part in call.args[1:])
            patterns.append((location, get_text(call.args[0]), 2 * ignore_case, methods))
    patterns += [
        (f"bulk/series.py {name}", pattern.pattern, 0, ["fullmatch"])
        for name, pattern in series._RULE_PARTS.items()
    ]
    patterns += [
        ("emulator/endpoints.py", pattern.pattern, 0, ["fullmatch"])
        for pattern, _ in endpoints._compile_routes()
    ]
    return patterns


def find_re_calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Calls of functions of `re`, with the name that each result is assigned to."""
    names = {
        id(node.value): node.targets[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, method = node.func.value, node.func.attr
            if isinstance(owner, ast.Name) and owner.id == "re" and method != "escape":
                yield node, names.get(id(node), "")


def find_methods(tree: ast.AST, name: str) -> list[str]:
    return sorted({
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and node.value.id == name
    })  # fmt: skip


def get_text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value.decode() if isinstance(node.value, bytes) else str(node.value)
    assert isinstance(node, ast.JoinedStr), ast.dump(node)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "(?:outreply_live_|whsec_)"
        for part in node.values
    )


MATCH_ALL = """
import json, re, sys
patterns, texts = json.load(sys.stdin)
for location, text, flags, methods in patterns:
    pattern = re.compile(text, flags)
    for method in methods:
        for adversary in texts:
            if method in {"sub", "subn"}:
                pattern.sub("", adversary)
            else:
                matches = getattr(pattern, method)(adversary)
                if method == "finditer":
                    list(matches)
    print(location)
"""
PARSE_ALL = """
import json, sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
from outreply_cli.errors import OutReplyError
from outreply_cli.media.urls import find_media_url_problem
from outreply_cli.time_parser import parse_past_time, parse_time
from outreply_cli.times import parse_duration
from outreply_cli.webhooks.signature import Tolerance, verify_signature
now, zone = datetime(2026, 12, 1, tzinfo=UTC), ZoneInfo("Europe/Paris")
for text in json.load(sys.stdin):
    for parse in (
        lambda: parse_time(text, now=now, zone=zone),
        lambda: parse_past_time(text, now=now, zone=zone),
        lambda: parse_duration(text),
        lambda: find_media_url_problem("https://" + text),
        lambda: verify_signature(b"{}", text, ["s"], timestamp=text, tolerance=Tolerance(), now=1),
    ):
        try:
            parse()
        except OutReplyError:
            pass
print("done")
"""
ROWS = """
from datetime import UTC, datetime, timedelta
from pathlib import Path
from outreply_cli.bulk.calendar import Calendar
from outreply_cli.bulk.csv_reader import parse_csv
from outreply_cli.bulk.matching import match_rows
from outreply_cli.bulk.resolve import RowResolver
from outreply_cli.media.files import StorageLimits
from outreply_cli.times import parse_zone
now = datetime(2026, 12, 1, tzinfo=UTC)
page = {"id": "1", "platform": "facebook", "username": "acme", "name": "Acme"}
for row in (
    "facebook:gone,2026-01-01 09:00,Hello,",
    "facebook:gone,2026-01-01 09:00,Hello,every day until 2026-02-01",
    "facebook:acme,,Hello,",
    "facebook:acme,2026-12-24 09:00,Hello,",
):
    calendar = Calendar("c.csv", Path("c.csv"))
    lines = ["page,scheduled_at,message,repeat", *[row] * (500 if "every" in row else 20_000)]
    parse_csv(calendar, "\\n".join(lines).encode())
    resolved = RowResolver(
        calendar, [page], zone=parse_zone("UTC"), brand_zone=lambda _: "UTC", now=now,
        storage=StorageLimits(), has_secret=lambda _: False, latest=now + timedelta(days=75),
    ).resolve()
    assert all(problem.is_warning for problem in resolved.problems), resolved.problems[:1]
    rows, _ = match_rows(resolved.posts, [], account="a", calendar="c", now=now)
    assert len({row.name for row in rows}) == len(rows)
print("done")
"""
# Repeated, these make nested or adjacent quantifiers backtrack.
PIECES = (
    "a", "1", " ", "\t", "0x", "<", "< ", "<!doctype ", "{", "{a", "}", "{{", "1d", "1 d", "1w ",
    "today ", "+01", "W-", "a.", "1/", "\\u", "\\ud", "x1", "5xx", "500x1", "Example: ", "<a>",
    "outreply_live_", "outreply_live_aaaaaaaaaaaaaaa", "_", "-", ".", ":", "1:00", "0", "d", "w",
    "mon ", "next ", "in ",
)  # fmt: skip
TEXT_CHARACTERS = 100_000
TEXTS = [(piece * TEXT_CHARACTERS)[:TEXT_CHARACTERS] + "!" for piece in PIECES]


def test_no_regex_backtracking() -> None:
    patterns = find_patterns()
    assert len(patterns) >= 200
    done = run_bounded(MATCH_ALL, stdin=json.dumps([patterns, TEXTS]))
    assert done.splitlines() == [location for location, _, _, _ in patterns]


def test_parsers_are_linear() -> None:
    assert run_bounded(PARSE_ALL, stdin=json.dumps(TEXTS)) == "done\n"


def test_equal_rows_are_linear() -> None:
    assert run_bounded(ROWS) == "done\n"
