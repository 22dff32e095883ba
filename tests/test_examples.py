"""Every example in the help works when pasted into bash."""

import io
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

import outreply_cli
from outreply_cli.app import main
from outreply_cli.clock import SystemClock
from outreply_cli.commands.help import TOPICS
from outreply_cli.commands.mcp.plan_store import PLANS_FILE, PlanStore
from outreply_cli.commands.mcp.tool_specs import CommandCall
from outreply_cli.context import Context
from outreply_cli.emulator.daemon import STATE_FILE
from outreply_cli.webhooks.models import IncomingDelivery
from outreply_cli.webhooks.store import DELIVERIES_FILE, DeliveryStore
from tests.command_line import CommandLine, command_tree
from tests.media.sample_files import jpeg, png
from tests.postgres import make_member
from tests.webhooks.tunnel_tools import StandIns

PACKAGE = Path(outreply_cli.__file__).parent
SECRET = "whsec_of_these_tests"
PICTURE = "https://cdn.example.com/hero.jpg"
# Examples that need a shell or a separate process.
_NEEDS_SHELL = re.compile(
    r"[|<>$&;=]|^outreply (auth|demo|mcp|serve-webhook|emulator (start|exec)|store log(in|out))"
)


def topic_examples() -> Iterator[str]:
    for topic in TOPICS:
        for line in (PACKAGE / "topics" / f"{topic}.txt").read_text("utf-8").splitlines():
            if match := re.match(r"  (outreply .*?)(?:  .*)?$", line):
                yield match[1]


def topic_script(topic: str) -> str:
    """Return the script in a topic."""
    text = (PACKAGE / "topics" / f"{topic}.txt").read_text("utf-8")
    return textwrap.dedent(text[text.index("  #!") : text.index("\n\nllm (")]) + "\n"


EXAMPLES = list(
    dict.fromkeys(
        [example for command in command_tree().walk() for example in command.examples]
        + [*topic_examples()]
    )
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Workspace:
    """A directory with the files that examples use, an emulator, and a webhook receiver."""

    directory: Path
    environ: dict[str, str]
    receiver_port: int

    def run(self, *words: str) -> str:
        """Run outreply in this process; it must succeed."""
        out, err = io.StringIO(), io.StringIO()
        context = Context(
            environ=self.environ, stdin=io.StringIO(), stdout=out, stderr=err, clock=SystemClock()
        )
        assert main(words, context) == 0, err.getvalue()
        return out.getvalue()

    def shell(self, line: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["bash", "-c", line], cwd=self.directory, env=self.environ, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def run_line(self, line: str) -> None:
        """Run a shell line, which must succeed."""
        process = self.shell(line)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, f"{line}\n{out}\n{err}"

    def reset(self) -> None:
        """Reset the account and add typical data."""
        self.run("emulator", "reset", "--yes")
        self.run("emulator", "fault", "clear")
        self.run("emulator", "fault", "add", "garbage", "--path", "/nowhere")
        (self.directory / "token.txt").write_text(self.run("emulator", "token"))
        at = ("--at", "in 2h", "--page", "instagram:acme", "--media", PICTURE)
        self.run("posts", "schedule", *at, "-m", "Soon", "-q")
        self.run("emulator", "token", "--collaborator", "sam", "--brands", "Acme Co.")
        hook = ("--url", f"http://127.0.0.1:{self.receiver_port}/hooks")
        self.run("webhooks", "create", *hook, "-q")
        self.run("media", "upload", str(self.directory / "hero.jpg"), "-q")
        for target in ("instagram:acme", "brand:Acme Co."):
            self.run("slots", "set", target, "daily 09:00")
        calendar = self.run("bulk", "template", "csv")
        (self.directory / "launch.csv").write_text(calendar)
        (self.directory / "launch.yaml").write_text(self.run("bulk", "template", "yaml"))
        (self.directory / "export.csv").write_text(calendar.replace(",message,", ",Text,", 1))
        self._queue_delivery()

    def _queue_delivery(self) -> None:
        """Queue the delivery that examples call 12 for the handler that they name."""
        now = SystemClock().now().timestamp()
        path = Path(self.environ["OUTREPLY_STATE_DIR"]) / DELIVERIES_FILE
        with closing(DeliveryStore(path)) as store:
            with closing(sqlite3.connect(path)) as db, db:
                # Examples replay stored deliveries, and those of other examples are invalid.
                for table in ("deliveries", "forwards", "attempts", "sqlite_sequence"):
                    db.execute(f"DELETE FROM {table}")  # noqa: S608
            store.store([
                IncomingDelivery(
                    f"evt_{number}_{now}", now, "post.published", is_verified=True, reason=None,
                    status=200, headers=[], body=b"{}",
                )
                for number in range(12)
            ])  # fmt: skip
            target = f"http://localhost:{self.receiver_port}/hooks"
            store.requeue(store.find("12"), target, now)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    home = tmp_path_factory.mktemp("examples")
    (home / "bin").mkdir()
    python, *words = CommandLine.words()
    program = home / "bin" / "outreply"
    program.write_text(f'#!/bin/sh\nexec {python} {" ".join(words)} "$@"\n')
    program.chmod(0o755)
    (home / "handle.sh").write_text("#!/bin/sh\ncat >/dev/null\n")
    (home / "handle.sh").chmod(0o755)
    (home / "compose.py").write_text(topic_script("compose"))
    (home / "compose.py").chmod(0o755)
    (home / "post.txt").write_text("From a file")
    (home / "reply.txt").write_text("From a file")
    (home / "body.json").write_text('{"id": "evt_1", "event": "post.published", "data": {}}')
    (home / "hero.jpg").write_bytes(jpeg())
    (home / "images").mkdir()
    (home / "images" / "one.png").write_bytes(png(b"another"))
    environ = {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(PACKAGE.parent),
        "HOME": str(home),
        "OUTREPLY_CONFIG_DIR": str(home / "config"),
        "OUTREPLY_STATE_DIR": str(home / "state"),
        "OUTREPLY_TIMEZONE": "Europe/Paris",
        "OUTREPLY_WEBHOOK_SECRET": SECRET,
        "PYTHON_KEYRING_BACKEND": "tests.file_keyring.FileKeyring",
    }
    StandIns.install(home, environ)
    port = free_port()
    workspace = Workspace(home, environ, port)
    process = workspace.shell("exec outreply emulator start --port 0 --allow-external --json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    environ["OUTREPLY_PROFILE"] = "emulator"
    (base_url,) = re.findall(r'"base_url": "([^"]*)"', out)
    environ["OUTREPLY_BASE_URL"] = base_url
    # Its output is not read: a pipe would fill up.
    receiver = workspace.shell(
        f"exec outreply serve-webhook --port {port} --path /hooks -o jsonl >/dev/null"
    )
    assert receiver.stderr is not None
    assert "Receiving" in receiver.stderr.readline()
    (home / "seed.yaml").write_text(workspace.run("emulator", "seed", "--export"))
    try:
        yield workspace
    finally:
        receiver.terminate()
        receiver.communicate(timeout=60)
        workspace.shell("exec outreply emulator stop").communicate(timeout=60)


def prepare_copy_or_terminal(workspace: Workspace, example: str) -> str:
    if "store restore" in example:
        workspace.run("store", "export", "--file", "backup.jsonl")
        workspace.run_line("gzip --keep --force backup.jsonl")
    if "snapshot load" in example:
        workspace.run("emulator", "snapshot", "save", "before-launch.db", "--yes")
    if "snapshot save" in example:
        (workspace.directory / "before-launch.db").unlink(missing_ok=True)
    if "launch.approval.json" in example:
        workspace.run("bulk", "approve", "launch.csv", "--all", "--yes")
    if example == "outreply bulk approve launch.csv":
        return f"script -qec '{example}' /dev/null <<< $'Jane\\na'"
    if example.startswith("outreply analytics"):
        workspace.run("analytics", "collect")
    if example.startswith(("outreply mcp approve", "outreply mcp reject")):
        propose_plan(workspace)
        return f"script -qec '{example}' /dev/null <<< y"
    return f"script -qec '{example}' /dev/null <<< q" if "comments triage" in example else example


def propose_plan(workspace: Workspace) -> None:
    """Store the plan that examples name, as if an agent had just made it."""
    path = workspace.directory / "state" / PLANS_FILE
    call = CommandCall("posts cancel", ["posts", "cancel", "--json", "--", "1"])
    with closing(PlanStore(path)) as plans:
        now = SystemClock().now().timestamp()
        made = plans.add(
            "account", "Alex Doe <alex@example.com>", call, preview=None, pages=None, now=now
        )
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM plans WHERE id = '3f2a9c017be4'")
        db.execute("UPDATE plans SET id = '3f2a9c017be4' WHERE id = ?", (made.id,))


def prepare(workspace: Workspace, example: str) -> str:
    """Set up what an example needs; return it with free ports."""
    example = prepare_copy_or_terminal(workspace, example)
    if "--profile agency" in example and "logout" in example:
        login = "outreply auth login --with-token --profile agency < token.txt"
        workspace.run_line(login)
    if "launch.plan" in example and "apply" in example:
        plan = "outreply bulk plan launch.csv -o launch.plan"
        workspace.run_line(plan)
    if "bulk cancel" in example or "bulk status" in example:
        workspace.run_line("outreply bulk schedule launch.csv")
    if example.startswith("outreply auth logout"):
        workspace.run("auth", "switch", "emulator")
    if "posts retry" in example:
        new = ("--page", "instagram:acme", "--at", "+15m", "-m", "Fails", "--key", "fails")
        workspace.run("posts", "schedule", *new, "--media", PICTURE)
        workspace.run("emulator", "advance", "1h")
        path = workspace.directory / "state" / "emulator" / STATE_FILE
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE posts SET status = 'failed' WHERE message = 'Fails'")
    if "posts wait" in example:
        # Substitute the id now, because the post becomes due later.
        for command in re.findall(r"\$\(outreply (.*?)\)", example):
            example = example.replace(
                f"$(outreply {command})", workspace.run(*shlex.split(command)).strip()
            )
    example = example.replace("localhost:3000", f"localhost:{workspace.receiver_port}")
    example = example.replace("serve-webhook --", "serve-webhook --port 0 --")
    if example.startswith("outreply emulator st") and "status" not in example:
        # A separate emulator; the others use the first one.
        env = f"export OUTREPLY_STATE_DIR={workspace.directory / 'other'} OUTREPLY_CONFIG_DIR=other"
        start = "outreply emulator start --port 0"
        before = f"{start} && " if example == "outreply emulator stop" else ""
        after = "" if "stop" in example else " && outreply emulator stop"
        example = f"{env}; {before}{example.replace('outreply emulator start', start)}{after}"
    return example


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, marks=[pytest.mark.slow] * ("--interval 2s" in example))
        for example in EXAMPLES
    ],
)
def test_example_runs_without_an_error(
    workspace: Workspace,
    example: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(workspace.directory)
    workspace.reset()
    line = prepare(workspace, example)
    if example.startswith(("outreply store mi", "outreply store mo")):
        url = request.getfixturevalue("postgres_url")
        monkeypatch.setitem(workspace.environ, "OUTREPLY_STORE_URL", url)
        workspace.run("store", "migrate")
    if example.startswith(("outreply store login", "outreply store logout")):
        url, password = make_member(request.getfixturevalue("postgres_url"))
        monkeypatch.setitem(workspace.environ, "OUTREPLY_STORE_URL", url)
        (workspace.directory / "password.txt").write_text(password)
        if line == "outreply store login":
            # The prompt would require a terminal.
            line += " --with-password < password.txt"
    if not _NEEDS_SHELL.search(line) and "posts wait" not in line:
        workspace.run(*shlex.split(line)[1:])
        return
    process = workspace.shell(line)
    if "serve-webhook" in line:
        assert process.stderr is not None
        assert "Receiving" in process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)
    if "--timeout 1h" in line:
        workspace.run("emulator", "advance", "1d")
    out, err = process.communicate(timeout=60)
    if re.match(r"outreply mcp( --|$)", line):
        # Tested with the extra in a separate environment.
        assert "uv tool install 'outreply-cli[mcp]'" in err
        return
    assert process.returncode == 0, f"{line}\n{out}\n{err}"
    assert "Traceback" not in err
