"""`outreply doctor`: every problem that it finds."""

import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

import outreply_cli
from outreply_cli.api.transport import Transport
from outreply_cli.doctor.environment import KNOWN_VARIABLES
from outreply_cli.doctor.network import _clock, _tls
from outreply_cli.doctor.result import CheckStatus
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.limits import SCOPES
from outreply_cli.spec.scopes import COMMAND_SCOPES, missing_scopes
from tests.accounts.test_auth_commands import BACKENDS
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result, command_tree

Results = dict[str, list[dict[str, Any]]]
CHECKS = {
    "python", "package", "config", "permissions", "journal", "state", "environment", "keyring",
    "proxy", "dns", "tls", "api", "clock", "token", "scopes",
}  # fmt: skip


def parse_results(result: Result) -> Results:
    results: Results = {}
    for item in json.loads(result.out):
        results.setdefault(item["check"], []).append(item)
    return results


def statuses(results: Results, check: str) -> list[str]:
    return [item["status"] for item in results[check]]


def test_every_check_passes_with_a_working_token(cli: CommandLine) -> None:
    result = cli.run("doctor", "--json")
    assert result.code == 0, result.err
    results = parse_results(result)
    assert set(results) == CHECKS
    for check in ("python", "config", "journal", "proxy", "dns", "tls", "api", "clock", "scopes"):
        assert statuses(results, check) == ["ok"], results[check]
    assert "alex@example.com" in results["token"][0]["detail"]
    assert all(
        set(item) == {"check", "status", "detail", "hint"} for item in json.loads(result.out)
    )


def test_output_contains_no_secret(cli: CommandLine, emulator: EmulatorServer) -> None:
    env = {"OUTREPLY_WEBHOOK_SECRET": "whsec_0123456789", "HTTPS_PROXY": "http://me:pass@proxy:1"}
    for words in (("doctor",), ("doctor", "--json"), ("doctor", "-v")):
        result = cli.run(*words, env=env)
        assert emulator.token not in result.out + result.err
        assert "whsec_0123456789" not in result.out + result.err
        assert "pass@" not in result.out


@pytest.mark.parametrize(
    "env",
    [
        {"PGPASSWORD": "swordfish"},
        {"OUTREPLY_STORE_URL": "postgresql://me:swordfish@127.0.0.1:1/db"},
        {"OUTREPLY_STORE_URL": "postgresql://me@127.0.0.1:1/db?password=swordfish"},
        {"OUTREPLY_WEBHOOK_SECRET": "swordfish"},
    ],
)
def test_secret_in_the_name_of_a_directory_is_hidden(cli: CommandLine, env: dict[str, str]) -> None:
    state = str(cli.home / "swordfish")
    result = cli.run("doctor", "--json", env={**env, "OUTREPLY_STATE_DIR": state})
    assert "swordfish" not in result.out
    assert "(hidden)" in result.out


def test_signed_out_machine_without_network_fails_dns_and_api(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run(
        "doctor", "--json", env={"OUTREPLY_BASE_URL": "https://nowhere.invalid/api/v1"}
    )
    assert result.code == 1
    results = parse_results(result)
    assert set(results) == CHECKS
    assert statuses(results, "dns") == ["failure"]
    assert statuses(results, "api") == ["failure"]
    assert statuses(results, "token") == ["warning"]
    assert statuses(results, "clock") == statuses(results, "scopes") == ["skipped"]
    error = json.loads(result.err)["error"]
    assert error["code"] == "CHECKS_FAILED"
    assert error["details"]["failed"] == ["dns", "api"]
    assert not (cli_logged_out.home / "state").exists()
    assert not (cli_logged_out.home / "config").exists()


def test_signed_out_is_warning(cli_logged_out: CommandLine, emulator: EmulatorServer) -> None:
    result = cli_logged_out.run("doctor", env={"OUTREPLY_BASE_URL": emulator.base_url})
    assert result.code == 0
    assert "outreply auth login" in result.out


def test_refused_connection_fails_api_and_skips_token(cli: CommandLine) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = cli.run("doctor", "--json", env={"OUTREPLY_BASE_URL": f"http://127.0.0.1:{port}"})
    results = parse_results(result)
    assert result.code == 1
    assert statuses(results, "api") == ["failure"]
    assert statuses(results, "token") == ["skipped"]


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("revoked_at", 1, "token"),
        ("secret", "outreply_live_other", "token"),
        ("scopes", '["read:account"]', "scopes"),
    ],
)
def test_invalid_token_is_a_failure_and_missing_scope_a_warning(
    cli: CommandLine, emulator: EmulatorServer, column: str, value: object, check: str
) -> None:
    emulator.state.connection.execute(f"UPDATE tokens SET {column} = ?", (value,))  # noqa: S608
    result = cli.run("doctor", "--json")
    # Missing scopes may be intended.
    status, code = ("failure", 1) if check == "token" else ("warning", 0)
    assert (statuses(parse_results(result), check), result.code) == ([status], code)


def test_missing_scope_names_commands(cli: CommandLine, emulator: EmulatorServer) -> None:
    emulator.state.connection.execute(
        "UPDATE tokens SET scopes = ?", (json.dumps([s for s in SCOPES if s != "write:posts"]),)
    )
    item = parse_results(cli.run("doctor", "--json"))["scopes"][0]
    assert "missing write:posts" in item["detail"]
    assert "posts schedule, posts publish" in item["hint"]


def test_token_that_expires_soon_is_a_warning(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    expires_at = (emulator_clock.now() + timedelta(days=3)).timestamp()
    emulator.state.connection.execute("UPDATE tokens SET expires_at = ?", (expires_at,))
    item = parse_results(cli.run("doctor", "--json"))["token"][0]
    assert item["status"] == "warning"
    assert "expires in 3d" in item["detail"]


def test_token_with_unknown_prefix_is_not_sent(cli: CommandLine, emulator: EmulatorServer) -> None:
    result = cli.run("doctor", "--json", "-v", env={"OUTREPLY_API_KEY": "sk_live_other_0123456789"})
    assert statuses(parse_results(result), "token") == ["warning"]
    assert "/me" not in result.err
    assert "sk_live_other" not in result.out


def test_clock_of_an_emulator_may_differ(cli: CommandLine, emulator_clock: ManualClock) -> None:
    behind = ManualClock(emulator_clock.now() - timedelta(minutes=30))
    cli.clock = behind
    item = parse_results(cli.run("doctor", "--json"))["clock"][0]
    assert item["status"] == "ok"
    assert "30m behind the server's" in item["detail"]


@pytest.mark.parametrize(
    ("minutes", "status", "detail"),
    [(30, "warning", "30m behind the server's"), (-30, "warning", "30m ahead of"), (0, "ok", "")],
)
def test_wrong_clock_is_a_warning(minutes: int, status: str, detail: str) -> None:
    result = _clock(timedelta(minutes=minutes), "https://outreply.com/api/v1")
    assert (result.status, detail in result.detail) == (status, True)


def test_invalid_environment_variables_are_reported(cli: CommandLine) -> None:
    cli.run("auth", "login", "--with-token", "--insecure-storage", "--base-url",
            cli.environ["OUTREPLY_BASE_URL"], stdin=cli.environ["OUTREPLY_API_KEY"])  # fmt: skip
    env = {
        "OUTREPLY_TOKEN": "outreply_live_another_one_0123456789",
        "OUTREPLY_TIMEZONE": "Mars/Olympus",
        "OUTREPLY_BASEURL": "x",
        "OUTREPLY_PROFILE": "unknown",
    }
    items = parse_results(cli.run("doctor", "--json", env=env))["environment"]
    text = json.dumps(items)
    assert "overrides OUTREPLY_TOKEN" in text
    failures = [item["detail"] for item in items if item["status"] == "failure"]
    assert any("Mars/Olympus" in detail for detail in failures)
    assert any("'unknown'" in detail for detail in failures)
    assert "Did you mean OUTREPLY_BASE_URL?" in [item["hint"] for item in items]
    items = parse_results(cli.run("doctor", "--json"))["environment"]
    assert "overrides the token of the profile 'default'" in json.dumps(items)


def test_variables_of_the_source_are_known() -> None:
    package = Path(outreply_cli.__file__).parent
    sources = [path.read_text("utf-8") for path in package.rglob("*.py")]
    named = set(re.findall(r"OUTREPLY(?:_[A-Z]+)+", "\n".join(sources)))
    # An attribute of a module.
    assert named - {"OUTREPLY_ARCHIVE"} == KNOWN_VARIABLES


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("OUTREPLY_STORE_URL", True),
        ("OUTREPLY_WEBHOOK_SECRET", True),
        ("OUTREPLY_COMMENT", False),
        ("OUTREPLY_EMULATOR_STATE", False),
    ],
)
def test_known_variable_is_not_unknown(cli: CommandLine, name: str, is_secret: bool) -> None:
    value = "postgresql://outreply:hunter2@127.0.0.1:9/outreply"
    items = parse_results(cli.run("doctor", "--json", env={name: value}))["environment"]
    assert not [item for item in items if "unknown" in item["detail"]]
    assert (f"{name} is set" in [item["detail"] for item in items]) == is_secret
    assert "hunter2" not in json.dumps(items)


@pytest.mark.parametrize("name", ["OUTREPLY_STORE_URL", "OUTREPLY_WEBHOOK_SECRET"])
def test_secret_that_is_not_utf_8_is_a_failure_and_not_shown(cli: CommandLine, name: str) -> None:
    ran = cli.run("doctor", "--json", env={name: "postgresql://me:hunter2\udcff@127.0.0.1:9/x"})
    items = parse_results(ran)["environment"]
    assert ("failure", f"{name} is not valid UTF-8") in [(x["status"], x["detail"]) for x in items]
    assert "hunter2" not in ran.out + ran.err


def test_files_that_others_can_use_are_reported(cli: CommandLine) -> None:
    cli.run(
        "auth", "login", "--with-token", "--insecure-storage", stdin=cli.environ["OUTREPLY_API_KEY"]
    )
    (cli.home / "config" / "tokens" / "default").chmod(0o644)
    (cli.home / "config" / "config.toml").chmod(0o640)
    result = cli.run("doctor", "--json")
    assert result.code == 1
    assert statuses(parse_results(result), "permissions") == ["failure", "warning"]
    (cli.home / "config").chmod(0o770)
    results = parse_results(cli.run("doctor", "--json"))["permissions"]
    assert "other users can write to" in results[0]["detail"]


def test_invalid_config_file_is_a_failure(cli: CommandLine) -> None:
    config = cli.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[")
    result = cli.run("doctor", "--json")
    results = parse_results(result)
    assert result.code == 1
    assert statuses(results, "config") == ["failure"]
    assert set(results) == CHECKS


def test_unsettled_journal_is_a_warning_and_damaged_one_a_failure(cli: CommandLine) -> None:
    result = cli.run(
        "posts", "schedule", "--page", "x:bluebird", "--at", "+1d", "-m", "x", "--key", "k"
    )
    assert result.code == 0
    journal = cli.home / "state" / "journal.db"
    with closing(sqlite3.connect(journal)) as database, database:
        database.execute("UPDATE entries SET state = 'sent'")
    item = parse_results(cli.run("doctor", "--json"))["journal"][0]
    assert (item["status"], "1 with an unknown outcome" in item["detail"]) == ("warning", True)
    journal.write_bytes(b"no database" * 1000)
    result = cli.run("doctor", "--json")
    assert (result.code, statuses(parse_results(result), "journal")) == (1, ["failure"])


@pytest.mark.parametrize(
    "content",
    [b"no database" * 1000, b"", b"SQLite format 3\0", b"SQLite format 3\0" + b"x" * 9_000],
)
def test_damaged_journal_is_closed(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    journal = cli.home / "state" / "journal.db"
    journal.parent.mkdir(parents=True, mode=0o700)
    journal.write_bytes(content)
    journal.chmod(0o600)
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def record(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", record)
    cli.run("doctor", "--json")
    assert opened
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


@pytest.fixture
def keyrings(cli: CommandLine, tmp_path: Path) -> CommandLine:
    backends = tmp_path / "backends"
    backends.mkdir()
    (backends / "test_backends.py").write_text(BACKENDS)
    cli.environ["PYTHONPATH"] = f"{backends}{os.pathsep}{Path.cwd()}"
    cli.environ["KEYRING_PATH"] = str(tmp_path / "keyring.json")
    cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Working"
    return cli


def test_keyring_check_names_backend_and_latency(keyrings: CommandLine) -> None:
    item = parse_results(keyrings.spawn("doctor", "--json"))["keyring"][0]
    assert item["status"] == "ok"
    assert item["detail"].startswith("test_backends.Working responded in ")


@pytest.mark.slow
def test_unresponsive_keyring_is_a_failure(keyrings: CommandLine) -> None:
    token = keyrings.environ.pop("OUTREPLY_API_KEY")
    signed_in = keyrings.spawn("auth", "login", "--with-token", stdin=token)
    assert signed_in.code == 0, signed_in.err
    assert statuses(parse_results(keyrings.spawn("doctor", "--json")), "token") == ["ok"]
    started_at = time.monotonic()
    result = keyrings.spawn(
        "doctor", "--json", env={"PYTHON_KEYRING_BACKEND": "test_backends.Hanging"}
    )
    # The hang itself is an hour long.
    assert time.monotonic() - started_at < 60
    results = parse_results(result)
    assert result.code == 1
    assert statuses(results, "keyring") == ["failure"]
    assert "no response within 1.5 seconds" in results["keyring"][0]["detail"]
    assert statuses(results, "token") == ["skipped"]


@pytest.mark.parametrize("width", [60, 100])
def test_terminal_lines_fit_width(cli: CommandLine, width: int) -> None:
    child = cli.at_terminal("doctor", env={"NO_COLOR": "1"}, columns=width)
    child.expect(pexpect.EOF)
    text = str(child.before)
    child.close()
    assert child.exitstatus == 0
    lines = [line for line in text.splitlines() if "/" not in line]
    assert "ok       tls          not used for a local server" in text
    assert max(map(len, lines)) <= width


def test_quiet_prints_failed_checks(cli_logged_out: CommandLine) -> None:
    result = cli_logged_out.run(
        "doctor", "-q", env={"OUTREPLY_BASE_URL": "https://nowhere.invalid"}
    )
    assert result.out == "dns\napi\n"


def api_commands() -> list[str]:
    return [
        " ".join(command.path)
        for command in command_tree().walk()
        if len(command.path) == 2
        and command.path[0] not in {"auth", "emulator"}
        and any("--max-wait" in option.flags for option in command.options)
    ]


def test_api_commands_have_scopes() -> None:
    without_row = set(api_commands()) - set(COMMAND_SCOPES)
    # Commands that call no API endpoint.
    assert without_row <= {"webhooks verify", "webhooks check", "webhooks trigger"}, without_row
    assert {scope for needed in COMMAND_SCOPES.values() for scope in needed} <= set(SCOPES)


@pytest.mark.parametrize(
    "words",
    ["brands list", "pages list", "posts list", "posts calendar", "posts export", "quota show",
     "quota check", "quota forecast", "bulk export", "webhooks list"],
)  # fmt: skip
def test_command_scopes_are_sufficient_and_needed(
    cli: CommandLine, emulator: EmulatorServer, words: str
) -> None:
    needed = COMMAND_SCOPES[words]

    def run_with(scopes: list[str]) -> int:
        emulator.state.connection.execute("UPDATE tokens SET scopes = ?", (json.dumps(scopes),))
        return cli.run(*words.split()).code

    assert run_with(list(needed)) == 0
    for scope in needed:
        assert run_with([other for other in SCOPES if other != scope]) == 4, scope


def test_full_token_has_no_missing_scopes() -> None:
    assert missing_scopes(["*"]) == missing_scopes(SCOPES) == {}
    assert set(missing_scopes([])) == set(SCOPES)


@pytest.fixture(params=[10, 365])
def certificate(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Path, int]:
    """A self-signed certificate for `localhost`, its key, and its validity in days."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out",
         str(cert), "-days", str(request.param), "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key, request.param


def test_untrusted_certificate_is_a_failure(
    cli: CommandLine, certificate: tuple[Path, Path, int]
) -> None:
    cert, key, _ = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept_once() -> None:
            connection, _ = listener.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

        threading.Thread(target=accept_once, daemon=True).start()
        url = f"https://localhost:{listener.getsockname()[1]}/api/v1"
        results = parse_results(cli.run("doctor", "--json", env={"OUTREPLY_BASE_URL": url}))
    assert statuses(results, "tls") == ["failure"]
    assert "not trusted" in results["tls"][0]["detail"]
    assert statuses(results, "token") == ["skipped"]


def handshake(cert: Path, key: Path) -> ssl.SSLObject:
    """The client side of an in-memory connection."""
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(cert, key)
    client_context = ssl.create_default_context(cafile=str(cert))
    server = server_context.wrap_bio(there, here, server_side=True)
    client = client_context.wrap_bio(here, there, server_hostname="localhost")
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client


def test_certificate_that_expires_soon_is_a_warning(certificate: tuple[Path, Path, int]) -> None:
    cert, key, days = certificate
    transport = Transport(base_url="https://localhost/api/v1", token=None, clock=ManualClock())
    transport.tls = handshake(cert, key)
    result = _tls(transport, None, "https", datetime.now(UTC))
    transport.close()
    assert result.status == (CheckStatus.WARNING if days == 10 else CheckStatus.OK)
    assert result.detail.startswith("TLSv1.3")


def test_yaml_output_has_every_check(cli: CommandLine) -> None:
    expected = json.loads(cli.run("doctor", "--json").out)
    result = cli.run("doctor", "-o", "yaml")
    assert result.code == 0, result.err
    assert [item["check"] for item in yaml.safe_load(result.out)] == [
        item["check"] for item in expected
    ]
