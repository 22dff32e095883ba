"""Small files that mean much, and texts that make patterns think: bounded work, bounded memory."""

import ast
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import outreply_cli
from tests.command_line import CommandLine

MEGABYTE = 1024 * 1024
MEMORY = 1200 * MEGABYTE
SECONDS = 20

READ = """
import sys, time
from pathlib import Path
from outreply_cli.bulk.loader import read_calendar
for name in sys.argv[1:]:
    calendar = read_calendar(name)
    assert calendar.problems, name
    print(Path(name).name, calendar.problems[-1].what[:200].splitlines()[0])
"""


def bounded() -> None:
    """What a child of a test may use."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def run_bounded(program: str, *words: str, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *words], input=stdin, capture_output=True, text=True,
        check=False, timeout=2 * SECONDS, preexec_fn=bounded,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_calendar_that_is_a_bomb_is_refused_in_bounded_memory(tmp_path: Path) -> None:
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
    told = dict(line.split(" ", 1) for line in run_bounded(READ, *names).splitlines())
    for path in names:
        Path(path).unlink()
    assert "more than 200000 rows" in told["rows.csv"]
    assert "not CSV here" in told["field.csv"]
    assert "cells and the header has 3" in told["cells.csv"]
    assert "columns; keep" in told["columns.csv"]
    assert "it repeats an anchor" in told["aliases.yaml"]
    assert "it repeats an anchor" in told["merges.yaml"]
    assert "nest" in told["deep.yaml"]
    assert "more than 2000000 values" in told["wide.yaml"]
    assert "is no file" in told["device.csv"]
    assert "larger than 64 MB" in told["gigabyte.csv"]


def test_a_plan_that_is_a_bomb_is_no_plan(cli_logged_out: CommandLine, tmp_path: Path) -> None:
    plan = tmp_path / "bomb.plan"
    pairs = "".join(f"b{n}: &b{n} [*b{n - 1}, *b{n - 1}]\n" for n in range(1, 64))
    plan.write_text(
        f"version: 1\nb0: &b0 [x, x]\n{pairs}calendar: *b63\ncalendar_sha256: *b63\n"
        "account: *b63\noptions: {}\nsteps: []\n"
    )
    ran = cli_logged_out.run("bulk", "apply", str(plan))
    assert ran.code == 2
    assert "no plan of outreply" in ran.err


def patterns() -> list[tuple[str, str, int, list[str]]]:
    """Every regular expression of the source: where, its text, its flags, how it is used."""
    root = Path(outreply_cli.__file__).parent
    found = []
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call, name in calls_of_re(tree):
            assert isinstance(call.func, ast.Attribute)
            place, method = f"{path.relative_to(root)}:{call.lineno}", call.func.attr
            used = [method] if method != "compile" else methods_of(tree, name)
            assert used, f"{place} is used by nobody"
            is_ignoring_case = any("IGNORECASE" in ast.dump(part) for part in call.args[1:])
            found.append((place, text_of(call.args[0]), 2 * is_ignoring_case, used))
    return found


def calls_of_re(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """What is asked of the module `re`, and the name that it is kept under."""
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


def methods_of(tree: ast.AST, name: str) -> list[str]:
    return sorted({
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and node.value.id == name
    })  # fmt: skip


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value.decode() if isinstance(node.value, bytes) else str(node.value)
    assert isinstance(node, ast.JoinedStr), ast.dump(node)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "(?:outreply_live_|whsec_)"
        for part in node.values
    )


THINK = """
import json, re, sys
patterns, texts = json.load(sys.stdin)
for place, text, flags, methods in patterns:
    pattern = re.compile(text, flags)
    for method in methods:
        for adversary in texts:
            if method in {"sub", "subn"}:
                pattern.sub("", adversary)
            else:
                found = getattr(pattern, method)(adversary)
                if method == "finditer":
                    list(found)
    print(place)
"""
READ_TIMES = """
import json, sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
from outreply_cli.errors import OutReplyError
from outreply_cli.media.urls import media_url_problem
from outreply_cli.times import read_duration, read_past_time, read_time
from outreply_cli.webhooks.signature import Tolerance, judge
now, zone = datetime(2026, 12, 1, tzinfo=UTC), ZoneInfo("Europe/Paris")
for text in json.load(sys.stdin):
    for read in (
        lambda: read_time(text, now=now, zone=zone),
        lambda: read_past_time(text, now=now, zone=zone),
        lambda: read_duration(text),
        lambda: media_url_problem("https://" + text),
        lambda: judge(b"{}", text, ["s"], timestamp=text, tolerance=Tolerance(), now=1.0),
    ):
        try:
            read()
        except OutReplyError:
            pass
print("done")
"""
# What makes nested or neighbouring repetitions try every way to share a text.
PIECES = (
    "a", "1", " ", "\t", "0x", "<", "< ", "<!doctype ", "{", "{a", "}", "{{", "1d", "1 d", "1w ",
    "today ", "+01", "W-", "a.", "1/", "\\u", "\\ud", "x1", "5xx", "500x1", "Example: ", "<a>",
    "outreply_live_", "outreply_live_aaaaaaaaaaaaaaa", "_", "-", ".", ":", "1:00", "0", "d", "w",
    "mon ", "next ", "in ",
)  # fmt: skip
TEXT_CHARACTERS = 100_000
TEXTS = [(piece * TEXT_CHARACTERS)[:TEXT_CHARACTERS] + "!" for piece in PIECES]


def test_no_text_makes_a_pattern_think_for_long() -> None:
    known = patterns()
    assert len(known) >= 22
    done = run_bounded(THINK, stdin=json.dumps([known, TEXTS]))
    assert done.split() == [place for place, _, _, _ in known]


def test_no_text_makes_a_reader_think_for_long() -> None:
    assert run_bounded(READ_TIMES, stdin=json.dumps(TEXTS)) == "done\n"
