"""`outreply doctor`: each thing that can be wrong, made wrong, and found."""

import json
import os
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from outreply_cli.api.client import Client
from outreply_cli.api.transport import Transport
from outreply_cli.doctor.network import _tls, proxy_for, without_password
from outreply_cli.doctor.result import CheckStatus
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.limits import SCOPES
from outreply_cli.spec.scopes import COMMAND_SCOPES, missing_scopes
from tests.accounts.test_auth_commands import BACKENDS
from tests.clocks import ManualClock
from tests.command_line import CommandLine, Result, command_tree

Findings = dict[str, list[dict[str, Any]]]
CHECKS = {
    "python", "package", "config", "permissions", "journal", "state", "environment", "keyring",
    "proxy", "dns", "tls", "api", "clock", "token", "scopes",
}  # fmt: skip


def findings_of(ran: Result) -> Findings:
    found: Findings = {}
    for finding in json.loads(ran.out):
        found.setdefault(finding["check"], []).append(finding)
    return found


def standings(found: Findings, check: str) -> list[str]:
    return [finding["standing"] for finding in found[check]]


def test_all_is_well_with_a_token_that_works(cli: CommandLine) -> None:
    ran = cli.run("doctor", "--json")
    assert ran.code == 0, ran.err
    found = findings_of(ran)
    assert set(found) == CHECKS
    for check in ("python", "config", "journal", "proxy", "dns", "tls", "api", "clock", "scopes"):
        assert standings(found, check) == ["ok"], found[check]
    assert "alex@example.com" in found["token"][0]["found"]
    assert all(set(one) == {"check", "standing", "found", "advice"} for one in json.loads(ran.out))


def test_no_secret_is_shown(cli: CommandLine, emulator: EmulatorServer) -> None:
    env = {"OUTREPLY_WEBHOOK_SECRET": "whsec_0123456789", "HTTPS_PROXY": "http://me:pass@proxy:1"}
    for words in (("doctor",), ("doctor", "--json"), ("doctor", "-v")):
        ran = cli.run(*words, env=env)
        assert emulator.token not in ran.out + ran.err
        assert "whsec_0123456789" not in ran.out + ran.err
        assert "pass@" not in ran.out


def test_it_works_signed_out_and_offline(cli_logged_out: CommandLine) -> None:
    ran = cli_logged_out.run(
        "doctor", "--json", env={"OUTREPLY_BASE_URL": "https://nowhere.invalid/api/v1"}
    )
    assert ran.code == 1
    found = findings_of(ran)
    assert set(found) == CHECKS
    assert standings(found, "dns") == ["failure"]
    assert standings(found, "api") == ["failure"]
    assert standings(found, "token") == ["warning"]
    assert standings(found, "clock") == standings(found, "scopes") == ["skipped"]
    error = json.loads(ran.err)["error"]
    assert error["code"] == "UNHEALTHY"
    assert error["details"]["failed"] == ["dns", "api"]
    assert not (cli_logged_out.home / "state").exists()
    assert not (cli_logged_out.home / "config").exists()


def test_signed_out_alone_is_no_failure(
    cli_logged_out: CommandLine, emulator: EmulatorServer
) -> None:
    ran = cli_logged_out.run("doctor", env={"OUTREPLY_BASE_URL": emulator.base_url})
    assert ran.code == 0
    assert "outreply auth login" in ran.out


def test_nothing_listens(cli: CommandLine) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ran = cli.run("doctor", "--json", env={"OUTREPLY_BASE_URL": f"http://127.0.0.1:{port}"})
    found = findings_of(ran)
    assert ran.code == 1
    assert standings(found, "api") == ["failure"]
    assert standings(found, "token") == ["skipped"]


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("revoked_at", 1, "token"),
        ("secret", "outreply_live_other", "token"),
        ("scopes", '["read:account"]', "scopes"),
    ],
)
def test_a_token_that_does_not_do(
    cli: CommandLine, emulator: EmulatorServer, column: str, value: object, check: str
) -> None:
    emulator.state.connection.execute(f"UPDATE tokens SET {column} = ?", (value,))  # noqa: S608
    ran = cli.run("doctor", "--json")
    # What a token may not do is for its owner to decide; one that does not work is of no use.
    standing, code = ("failure", 1) if check == "token" else ("warning", 0)
    assert (standings(findings_of(ran), check), ran.code) == ([standing], code)


def test_a_missing_scope_names_the_commands_it_keeps_from_working(
    cli: CommandLine, emulator: EmulatorServer
) -> None:
    emulator.state.connection.execute(
        "UPDATE tokens SET scopes = ?", (json.dumps([s for s in SCOPES if s != "write:posts"]),)
    )
    told = findings_of(cli.run("doctor", "--json"))["scopes"][0]
    assert "missing write:posts" in told["found"]
    assert "posts schedule, posts publish" in told["advice"]


def test_a_token_that_ends_soon_is_told(
    cli: CommandLine, emulator: EmulatorServer, emulator_clock: ManualClock
) -> None:
    ends = (emulator_clock.now() + timedelta(days=3)).timestamp()
    emulator.state.connection.execute("UPDATE tokens SET expires_at = ?", (ends,))
    told = findings_of(cli.run("doctor", "--json"))["token"][0]
    assert told["standing"] == "warning"
    assert "expires in 3d" in told["found"]


def test_a_token_of_an_unknown_kind_is_not_sent(cli: CommandLine, emulator: EmulatorServer) -> None:
    ran = cli.run("doctor", "--json", "-v", env={"OUTREPLY_API_KEY": "sk_live_other_0123456789"})
    assert standings(findings_of(ran), "token") == ["warning"]
    assert "/me" not in ran.err
    assert "sk_live_other" not in ran.out


def test_a_clock_that_is_wrong_is_told(cli: CommandLine, emulator_clock: ManualClock) -> None:
    behind = ManualClock(emulator_clock.now() - timedelta(minutes=30))
    cli.clock = behind
    told = findings_of(cli.run("doctor", "--json"))["clock"][0]
    assert told["standing"] == "warning"
    assert "30m behind the server's" in told["found"]


def test_variables_that_override_or_mean_nothing_are_told(cli: CommandLine) -> None:
    cli.run("auth", "login", "--with-token", "--insecure-storage", "--base-url",
            cli.environ["OUTREPLY_BASE_URL"], stdin=cli.environ["OUTREPLY_API_KEY"])  # fmt: skip
    env = {
        "OUTREPLY_TOKEN": "outreply_live_another_one_0123456789",
        "OUTREPLY_TIMEZONE": "Mars/Olympus",
        "OUTREPLY_BASEURL": "x",
        "OUTREPLY_PROFILE": "nobody",
    }
    found = [
        (one["standing"], one["found"], one["advice"])
        for one in findings_of(cli.run("doctor", "--json", env=env))["environment"]
    ]
    text = json.dumps(found)
    assert "wins over OUTREPLY_TOKEN" in text
    assert any(standing == "failure" and "Mars/Olympus" in told for standing, told, _ in found)
    assert any(standing == "failure" and "'nobody'" in told for standing, told, _ in found)
    assert any(advice == "Did you mean OUTREPLY_BASE_URL?" for _, _, advice in found)
    cli_logged_out = findings_of(cli.run("doctor", "--json"))["environment"]
    assert "overrides the token of the profile 'default'" in json.dumps(cli_logged_out)


def test_files_that_others_can_read_are_told(cli: CommandLine) -> None:
    cli.run(
        "auth", "login", "--with-token", "--insecure-storage", stdin=cli.environ["OUTREPLY_API_KEY"]
    )
    (cli.home / "config" / "tokens" / "default").chmod(0o644)
    (cli.home / "config" / "config.toml").chmod(0o640)
    ran = cli.run("doctor", "--json")
    assert ran.code == 1
    assert standings(findings_of(ran), "permissions") == ["failure", "warning"]
    (cli.home / "config").chmod(0o770)
    found = findings_of(cli.run("doctor", "--json"))["permissions"]
    assert "can write in" in found[0]["found"]


def test_a_config_file_that_is_no_toml_is_a_failure_and_not_the_end(cli: CommandLine) -> None:
    config = cli.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[")
    ran = cli.run("doctor", "--json")
    found = findings_of(ran)
    assert ran.code == 1
    assert standings(found, "config") == ["failure"]
    assert set(found) == CHECKS


def test_a_damaged_journal_and_unsettled_entries_are_told(cli: CommandLine) -> None:
    ran = cli.run(
        "posts", "schedule", "--page", "x:bluebird", "--at", "+1d", "-m", "x", "--key", "k"
    )
    assert ran.code == 0
    journal = cli.home / "state" / "journal.db"
    with sqlite3.connect(journal) as database:
        database.execute("UPDATE entries SET state = 'sent'")
    database.close()
    told = findings_of(cli.run("doctor", "--json"))["journal"][0]
    assert (told["standing"], "only the server knows" in told["found"]) == ("warning", True)
    journal.write_bytes(b"no database" * 1000)
    ran = cli.run("doctor", "--json")
    assert (ran.code, standings(findings_of(ran), "journal")) == (1, ["failure"])


@pytest.fixture
def keyrings(cli: CommandLine, tmp_path: Path) -> CommandLine:
    backends = tmp_path / "backends"
    backends.mkdir()
    (backends / "test_backends.py").write_text(BACKENDS)
    cli.environ["PYTHONPATH"] = f"{backends}{os.pathsep}{Path.cwd()}"
    cli.environ["KEPT_PATH"] = str(tmp_path / "kept.json")
    cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Kept"
    return cli


def test_a_keyring_is_named_and_timed(keyrings: CommandLine) -> None:
    told = findings_of(keyrings.spawn("doctor", "--json"))["keyring"][0]
    assert told["standing"] == "ok"
    assert told["found"].startswith("test_backends.Kept answered in ")


def test_a_keyring_that_never_answers_costs_little_and_is_told(keyrings: CommandLine) -> None:
    token = keyrings.environ.pop("OUTREPLY_API_KEY")
    signed_in = keyrings.spawn("auth", "login", "--with-token", stdin=token)
    assert signed_in.code == 0, signed_in.err
    assert standings(findings_of(keyrings.spawn("doctor", "--json")), "token") == ["ok"]
    began = time.monotonic()
    ran = keyrings.spawn(
        "doctor", "--json", env={"PYTHON_KEYRING_BACKEND": "test_backends.Hanging"}
    )
    # The hang itself is an hour long.
    assert time.monotonic() - began < 60
    found = findings_of(ran)
    assert ran.code == 1
    assert standings(found, "keyring") == ["failure"]
    assert "did not answer within 1.5 seconds" in found["keyring"][0]["found"]
    assert standings(found, "token") == ["skipped"]


@pytest.mark.parametrize("width", [60, 100])
def test_a_terminal_sees_no_line_that_is_too_long(cli: CommandLine, width: int) -> None:
    child = cli.at_terminal("doctor", env={"NO_COLOR": "1"}, columns=width)
    child.expect(pexpect.EOF)
    text = str(child.before)
    child.close()
    assert child.exitstatus == 0
    lines = [line for line in text.splitlines() if "/" not in line]
    assert "ok       tls          not used on this machine" in text
    assert max(map(len, lines)) <= width


def test_quiet_names_the_failed_checks(cli_logged_out: CommandLine) -> None:
    ran = cli_logged_out.run("doctor", "-q", env={"OUTREPLY_BASE_URL": "https://nowhere.invalid"})
    assert ran.out == "dns\napi\n"


def commands_of_the_api() -> list[str]:
    return [
        " ".join(command.path)
        for command in command_tree().walk()
        if len(command.path) == 2
        and command.path[0] not in {"auth", "emulator"}
        and any("--max-wait" in option.flags for option in command.options)
    ]


def test_every_command_of_the_api_says_what_it_needs() -> None:
    without_row = set(commands_of_the_api()) - set(COMMAND_SCOPES)
    # These speak with an endpoint of the user's or with none.
    assert without_row <= {"webhooks verify", "webhooks check", "webhooks trigger"}, without_row
    assert {scope for needed in COMMAND_SCOPES.values() for scope in needed} <= set(SCOPES)


@pytest.mark.parametrize(
    "words",
    ["brands list", "pages list", "posts list", "posts calendar", "posts export", "quota show",
     "quota check", "quota forecast", "bulk export", "webhooks list"],
)  # fmt: skip
def test_the_scopes_of_a_command_are_enough_and_needed(
    cli: CommandLine, emulator: EmulatorServer, words: str
) -> None:
    needed = COMMAND_SCOPES[words]

    def run_with(scopes: list[str]) -> int:
        emulator.state.connection.execute("UPDATE tokens SET scopes = ?", (json.dumps(scopes),))
        return cli.run(*words.split()).code

    assert run_with(list(needed)) == 0
    for scope in needed:
        assert run_with([other for other in SCOPES if other != scope]) == 4, scope


def test_a_full_token_misses_nothing() -> None:
    assert missing_scopes(["*"]) == missing_scopes(SCOPES) == {}
    assert set(missing_scopes([])) == set(SCOPES)


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://me:secret@proxy:3128"}, "http://(hidden)@proxy:3128"),
        ({"HTTPS_PROXY": "proxy:3128"}, "proxy:3128"),
        ({"ALL_PROXY": "socks5://proxy"}, "socks5://proxy"),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "example.com"}, None),
        ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "*"}, None),
        ({"http_proxy": "http://proxy"}, None),
    ],
)
def test_the_proxy_is_the_one_that_is_used(environ: dict[str, str], proxy: str | None) -> None:
    found = proxy_for("https://api.example.com/api/v1", environ)
    assert (None if found is None else without_password(found)) == proxy
    assert proxy_for("http://127.0.0.1:8787", environ) is None


@pytest.fixture(params=[10, 365])
def certificate(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Path, int]:
    """A certificate of this test's own for `localhost`, its key, and its days."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out",
         str(cert), "-days", str(request.param), "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key, request.param


def test_a_certificate_that_nobody_vouches_for_is_a_failure(
    cli: CommandLine, certificate: tuple[Path, Path, int]
) -> None:
    cert, key, _ = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse_politely() -> None:
            connection, _ = listener.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

        threading.Thread(target=refuse_politely, daemon=True).start()
        url = f"https://localhost:{listener.getsockname()[1]}/api/v1"
        found = findings_of(cli.run("doctor", "--json", env={"OUTREPLY_BASE_URL": url}))
    assert standings(found, "tls") == ["failure"]
    assert "not trusted" in found["tls"][0]["found"]
    assert standings(found, "token") == ["skipped"]


def handshake(cert: Path, key: Path) -> ssl.SSLObject:
    """The client's end of a connection that is made in memory."""
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    asking = ssl.create_default_context(cafile=str(cert))
    server = serving.wrap_bio(there, here, server_side=True)
    client = asking.wrap_bio(here, there, server_hostname="localhost")
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client


def test_a_certificate_that_ends_soon_is_a_warning(certificate: tuple[Path, Path, int]) -> None:
    cert, key, days = certificate
    transport = Transport(base_url="https://localhost/api/v1", token=None, clock=ManualClock())
    transport.tls = handshake(cert, key)
    told = _tls(Client(transport), None, "https", datetime.now(UTC))
    transport.close()
    assert told.status == (CheckStatus.WARNING if days == 10 else CheckStatus.OK)
    assert told.detail.startswith("TLSv1.3")


def test_what_was_found_can_be_had_in_every_format(cli: CommandLine) -> None:
    wanted = json.loads(cli.run("doctor", "--json").out)
    ran = cli.run("doctor", "-o", "yaml")
    assert ran.code == 0, ran.err
    assert [one["check"] for one in yaml.safe_load(ran.out)] == [one["check"] for one in wanted]
