"""Every example that help shows, pasted into bash beside an emulator."""

import io
import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import outreply_cli
from outreply_cli.app import main
from outreply_cli.clock import SystemClock
from outreply_cli.commands.help import TOPICS
from outreply_cli.context import Context
from tests.command_line import CommandLine, command_tree
from tests.media.sample_files import jpeg, png

PACKAGE = Path(outreply_cli.__file__).parent
SECRET = "whsec_of_these_tests"
# What only a shell can run, or what must not share this process.
_NEEDS_SHELL = re.compile(r"[|<>$&;=]|^outreply (auth|demo|serve-webhook|emulator (start|exec))")


def of_topics() -> Iterator[str]:
    for topic in TOPICS:
        for line in (PACKAGE / "topics" / f"{topic}.txt").read_text("utf-8").splitlines():
            if found := re.match(r"  (outreply .*?)(?:  .*)?$", line):
                yield found[1]


EXAMPLES = list(
    dict.fromkeys(
        [example for each in command_tree().walk() for example in each.examples] + [*of_topics()]
    )
)


def free_port() -> int:
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return int(link.getsockname()[1])


@dataclass
class World:
    """A directory with the files that examples name, an emulator, and a handler of webhooks."""

    directory: Path
    environ: dict[str, str]
    handler_port: int

    def quick(self, *words: str) -> str:
        """Run outreply in this process; it must work."""
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

    def paste(self, line: str) -> None:
        """Run a line that must work."""
        process = self.shell(line)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, f"{line}\n{out}\n{err}"

    def renew(self) -> None:
        """As an account is that has been used for a day."""
        self.quick("emulator", "reset", "--yes")
        self.quick("emulator", "fault", "clear")
        self.quick("emulator", "fault", "add", "garbage", "--path", "/nowhere")
        (self.directory / "token.txt").write_text(self.quick("emulator", "token"))
        at = ("--at", "in 2h", "--page", "instagram:acme")
        self.quick("posts", "schedule", *at, "-m", "Soon", "-q")
        hook = ("--url", f"http://127.0.0.1:{self.handler_port}/hooks")
        self.quick("webhooks", "create", *hook, "-q")
        self.quick("media", "upload", str(self.directory / "hero.jpg"), "-q")
        calendar = self.quick("bulk", "template", "csv")
        (self.directory / "launch.csv").write_text(calendar)
        (self.directory / "export.csv").write_text(calendar.replace(",message,", ",Text,", 1))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("examples")
    (home / "bin").mkdir()
    python, *words = CommandLine.words()
    program = home / "bin" / "outreply"
    program.write_text(f'#!/bin/sh\nexec {python} {" ".join(words)} "$@"\n')
    program.chmod(0o755)
    (home / "handle.sh").write_text("#!/bin/sh\ncat >/dev/null\n")
    (home / "handle.sh").chmod(0o755)
    (home / "post.txt").write_text("From a file")
    (home / "body.json").write_text('{"id": "evt_1", "event": "post.published", "data": {}}')
    (home / "hero.jpg").write_bytes(jpeg())
    (home / "pictures").mkdir()
    (home / "pictures" / "one.png").write_bytes(png(b"another"))
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
    port = free_port()
    made = World(home, environ, port)
    started = made.shell("exec outreply emulator start --port 0 --json")
    told, problem = started.communicate(timeout=60)
    assert started.returncode == 0, problem
    environ["OUTREPLY_PROFILE"] = "emulator"
    (base_url,) = re.findall(r'"base_url": "([^"]*)"', told)
    environ["OUTREPLY_BASE_URL"] = base_url
    handler = made.shell(f"exec outreply serve-webhook --port {port} --path /hooks -o jsonl")
    assert handler.stderr is not None
    assert "Receiving" in handler.stderr.readline()
    (home / "seed.yaml").write_text(made.quick("emulator", "seed", "--export"))
    try:
        yield made
    finally:
        handler.terminate()
        handler.communicate(timeout=20)
        made.shell("exec outreply emulator stop").communicate(timeout=60)


def with_snapshot_or_terminal(world: World, example: str) -> str:
    if "snapshot load" in example:
        world.quick("emulator", "snapshot", "save", "before-launch.db", "--yes")
    if "snapshot save" in example:
        (world.directory / "before-launch.db").unlink(missing_ok=True)
    # It asks at a terminal.
    return f"script -qec '{example}' /dev/null <<< q" if "comments triage" in example else example


def prepared(world: World, example: str) -> str:
    """`example` with ports that are free here, and what it stands on set up."""
    example = with_snapshot_or_terminal(world, example)
    if "--profile agency" in example and "logout" in example:
        login = "outreply auth login --with-token --profile agency < token.txt"
        world.paste(login)
    if "launch.plan" in example and "apply" in example:
        plan = "outreply bulk plan launch.csv -o launch.plan"
        world.paste(plan)
    if "bulk cancel" in example or "bulk status" in example:
        world.paste("outreply bulk schedule launch.csv")
    if example.startswith("outreply auth logout"):
        world.quick("auth", "switch", "emulator")
    if "posts wait" in example:
        # Before the post is made to be due.
        for command in re.findall(r"\$\(outreply (.*?)\)", example):
            example = example.replace(
                f"$(outreply {command})", world.quick(*shlex.split(command)).strip()
            )
    example = example.replace("localhost:3000", f"localhost:{world.handler_port}")
    example = example.replace("serve-webhook --", "serve-webhook --port 0 --")
    if example.startswith("outreply emulator st") and "status" not in example:
        # Beside the one that the other examples use.
        own = f"export OUTREPLY_STATE_DIR={world.directory / 'other'} OUTREPLY_CONFIG_DIR=other"
        start = "outreply emulator start --port 0"
        before = f"{start} && " if example == "outreply emulator stop" else ""
        after = "" if "stop" in example else " && outreply emulator stop"
        example = f"{own}; {before}{example.replace('outreply emulator start', start)}{after}"
    return example


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_works_when_it_is_pasted(
    world: World, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.directory)
    world.renew()
    line = prepared(world, example)
    if not _NEEDS_SHELL.search(line) and "posts wait" not in line:
        world.quick(*shlex.split(line)[1:])
        return
    process = world.shell(line)
    if "serve-webhook" in line:
        assert process.stderr is not None
        assert "Receiving" in process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)
    if "--timeout 1h" in line:
        world.quick("emulator", "advance", "1d")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, f"{line}\n{out}\n{err}"
    assert "Traceback" not in err
