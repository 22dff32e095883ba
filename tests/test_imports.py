"""Allowed imports between layers, and the imports of each command."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import outreply_cli
from outreply_cli.emulator.server import EmulatorServer
from tests.command_line import CommandLine

ROOT = Path(outreply_cli.__file__).parent
# A package may import packages of lower layers, and itself.
LAYERS = tuple(
    set(re.findall(r"\w+", names))
    for names in re.findall(r"(?m)^    (\w[\w/, ]*?)(?:  .*)?$", outreply_cli.__doc__ or "")
)
# Third-party libraries, and the only modules that may import them.
CONFINED = {
    "typer": {"commands", "cli"},
    "rich": {"ui", "commands"},
    "httpx": {"api.transport", "api.http_client", "api.deadline", "api.download"},
    "httpcore": {"api.deadline"},
    "keyring": {"accounts.keyring"},
    "h11": {"net.server"},
    "psycopg": {"storage.postgres"},
    "jinja2": {"cli.man_pages", "net.html", "snippets.template"},
    "werkzeug": {"emulator"},
    "openpyxl": {"bulk.workbook_writer"},
    "PIL": {"posts.images"},
    "plotext": {"commands.analytics"},
    "mcp": {"commands.mcp.server"},
    "mcp_types": {"commands.mcp.server"},
    "anyio": {"commands.mcp.server"},
    "tzlocal": {"times"},
    "dateutil": {"bulk.series"},
    "yaml": {
        "emulator.schemas",
        "emulator.seed_file",
        "emulator.seed_export",
        "bulk.yaml_reader",
        "bulk.plan_file",
        "posts.user_rules",
        "ui.yaml",
    },
}
# Packages that must not know each other although their layers would allow it.
FORBIDDEN_PAIRS = {
    ("webhooks", "emulator"),
    ("emulator", "webhooks"),
    ("webhooks", "posts"),
    ("emulator", "api"),
    ("emulator", "accounts"),
    ("api", "emulator"),
    ("posts", "emulator"),
    ("posts", "webhooks"),
}


@cache
def get_imports(path: Path, *, lazy: bool = True) -> set[str]:
    """The modules that a file imports; without `lazy` only those at module level."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if lazy else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@cache
def modules() -> list[tuple[str, Path]]:
    return [
        (".".join(path.relative_to(ROOT).with_suffix("").parts), path)
        for path in sorted(ROOT.rglob("*.py"))
        if path != ROOT / "__init__.py" and path.parent.name != "examples"
    ]


def get_layer(module: str) -> int:
    top = module.split(".", maxsplit=1)[0]
    return next(number for number, names in enumerate(LAYERS) if top in names)


def test_imports_point_to_lower_layers() -> None:
    wrong = []
    for module, path in modules():
        mine = module.split(".", maxsplit=1)[0]
        for name in sorted(get_imports(path)):
            if not name.startswith("outreply_cli.") or name == "outreply_cli.__version__":
                continue
            target = name.removeprefix("outreply_cli.")
            theirs = target.split(".", maxsplit=1)[0]
            is_lower = mine == theirs or get_layer(module) < get_layer(target)
            if not is_lower or (mine, theirs) in FORBIDDEN_PAIRS:
                wrong.append(f"{module} imports {target}")
    assert wrong == []


def test_third_party_imports_are_confined() -> None:
    wrong = []
    for module, path in modules():
        for name in sorted(get_imports(path)):
            allowed = CONFINED.get(name.split(".")[0])
            if allowed is not None and not any(
                module == k or module.startswith(f"{k}.") for k in allowed
            ):
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def import_graph() -> dict[str, set[str]]:
    known = {module for module, _ in modules()}
    graph = {}
    for module, path in modules():
        targets = {name.removeprefix("outreply_cli.") for name in get_imports(path, lazy=False)}
        graph[module] = {target for target in targets if target in known and target != module}
    return graph


def test_no_import_cycles() -> None:
    graph = import_graph()
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module in done:
            return
        for target in sorted(graph[module]):
            visit(target, (*trail, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())


def get_loaded_modules(cli: CommandLine, *words: str) -> set[str]:
    program = (
        "import json, signal, sys\n"
        # A loaded machine exceeds the time limit of completion.
        "signal.setitimer = lambda *_: None\n"
        "from outreply_cli.__main__ import run\n"
        f"sys.argv = ['outreply', *{list(words)!r}]\n"
        "code = run()\n"
        "sys.stdout.flush()\n"
        "print(json.dumps({'code': code, 'modules': sorted(sys.modules)}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=cli.environ, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    last = json.loads(done.stderr.splitlines()[-1])
    assert last["code"] == 0, done.stderr
    return {name.split(".")[0] for name in last["modules"]} | set(last["modules"])


def test_version_imports_are_minimal(cli_logged_out: CommandLine) -> None:
    assert not {"typer", "httpx", "rich", "yaml", "keyring", "sqlite3"} & get_loaded_modules(
        cli_logged_out, "--version"
    )


def test_completion_imports_are_minimal(cli_logged_out: CommandLine) -> None:
    lines = (
        ["po"],
        ["pages", "show", ""],
        ["posts", "list", "-p", ""],
        ["posts", "list", "--tz", ""],
    )
    for line in lines:
        loaded = get_loaded_modules(cli_logged_out, "__complete", *line)
        assert not {
            "typer", "httpx", "rich", "yaml", "keyring", "sqlite3", "dataclasses", "typing",
            "pathlib", "subprocess", "tomllib", "platformdirs",
        } & loaded  # fmt: skip


def test_json_command_imports_are_minimal(cli: CommandLine, emulator: EmulatorServer) -> None:
    loaded = get_loaded_modules(cli, "pages", "list", "--json")
    assert not {
        "rich", "keyring", "yaml", "tomllib", "werkzeug", "zoneinfo",
        "tzlocal", "csv",
    } & loaded  # fmt: skip


def test_calendar_without_series_imports_no_dateutil(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    for repeat in ("", "every tue"):
        row = f"instagram:acme,2026-12-01 09:00,Hi,{repeat}"
        path.write_text(f"page,scheduled_at,message,repeat\n{row}\n")
        loaded = get_loaded_modules(cli, "bulk", "schedule", str(path), "--dry-run")
        assert ("dateutil" in loaded) == bool(repeat)


def test_journal_of_a_machine_imports_no_database_driver(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    calendar = tmp_path / "one.csv"
    calendar.write_text("page,scheduled_at,message\nfacebook:acme,2030-01-01 10:00,Hi\n")
    for words in (("bulk", "schedule", str(calendar), "--dry-run"), ("store", "log"), ("doctor",)):
        loaded = get_loaded_modules(cli, *words)
        assert "psycopg" not in loaded
        assert "keyring" not in loaded or words == ("doctor",)


def test_store_without_a_password_imports_no_keyring(
    cli: CommandLine, emulator: EmulatorServer, postgres_url: str
) -> None:
    cli.environ["OUTREPLY_STORE_URL"] = postgres_url
    assert cli.run("store", "migrate").code == 0
    assert "keyring" not in get_loaded_modules(cli, "store", "log")


def test_only_previews_and_approvals_import_what_they_need(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    calendar, page = tmp_path / "one.csv", str(tmp_path / "one.html")
    calendar.write_text("page,scheduled_at,message\nfacebook:acme,2026-12-01 10:00,Hi\n")
    parts = {
        "PIL", "jinja2", "outreply_cli.bulk.approval", "outreply_cli.bulk.preview",
        "outreply_cli.posts.preview", "outreply_cli.spec.feeds",
    }  # fmt: skip
    for words in (("bulk", "schedule", str(calendar), "--dry-run"), ("posts", "check", "-m", "Hi"),
                  ("bulk", "check", str(calendar)), ("store", "log")):  # fmt: skip
        assert not parts & get_loaded_modules(cli, *words), words
    assert not {"PIL", "jinja2"} & get_loaded_modules(cli, "bulk", "preview", str(calendar))
    assert "jinja2" in get_loaded_modules(cli, "bulk", "preview", str(calendar), "--html", page)


def test_only_printed_requests_import_templates(cli: CommandLine, emulator: EmulatorServer) -> None:
    words = ("posts", "schedule", "--page", "facebook:acme", "--at", "+1h", "-m", "Hi")
    templates = {f"outreply_cli.snippets.{name}" for name in ("template", "shared")}
    assert not templates & get_loaded_modules(cli, *words)
    assert templates <= get_loaded_modules(cli, *words, "--print", "curl")


def test_only_analytics_imports_analytics(cli: CommandLine, emulator: EmulatorServer) -> None:
    for words in (("pages", "list"), ("posts", "list"), ("quota", "show"), ("store", "status")):
        loaded = get_loaded_modules(cli, *words)
        assert not any("analytics" in name or name == "plotext" for name in loaded), words
    for word in ("--help", "collect", "show", "best-times"):
        loaded = get_loaded_modules(cli, "analytics", word)
        assert not {"plotext", "jinja2", "psycopg", "rich"} & loaded, word
        assert ("outreply_cli.analytics.store" in loaded) == (word != "--help")


def test_offline_commands_import_no_network(cli_logged_out: CommandLine) -> None:
    check = ("posts", "check", "-m", "Hi", "--media", "https://cdn.example.com/hero.jpg")
    for words in (("auth", "list"), ("bulk", "template"), check, ("--help",)):
        loaded = get_loaded_modules(cli_logged_out, *words)
        assert not {"httpx", "outreply_cli.net.dns", "concurrent.futures"} & loaded, words


def test_root_help_imports_neither_typer_nor_rich(cli_logged_out: CommandLine) -> None:
    for words in (("--help",), ("-h",), ()):
        loaded = get_loaded_modules(cli_logged_out, *words)
        assert not {"typer", "rich", "zoneinfo", "sqlite3", "keyring"} & loaded, words
        assert not any(name.startswith("outreply_cli.commands") for name in loaded), words


def test_help_draws_without_rich_and_imports_no_other_command(cli_logged_out: CommandLine) -> None:
    loaded = get_loaded_modules(cli_logged_out, "quota", "--help")
    assert "rich" not in loaded
    modules = {name for name in loaded if name.startswith("outreply_cli.commands.")}
    assert modules == {"outreply_cli.commands.quota"}


def test_group_help_imports_no_server_and_no_network(cli_logged_out: CommandLine) -> None:
    for group in ("emulator", "webhooks", "comments", "media", "posts", "bulk", "analytics"):
        loaded = get_loaded_modules(cli_logged_out, group, "--help")
        assert not {
            "h11", "werkzeug", "httpx", "yaml", "http.client", "rich", "zipfile", "openpyxl",
            "python_calamine", "dateutil", "outreply_cli.spec.x_length",
        } & loaded, group  # fmt: skip


def test_offline_command_imports_are_minimal(cli_logged_out: CommandLine) -> None:
    loaded = get_loaded_modules(cli_logged_out, "auth", "list")
    assert not {
        "httpx", "rich", "zoneinfo", "email", "sqlite3", "random", "csv", "tzlocal",
    } & loaded  # fmt: skip
