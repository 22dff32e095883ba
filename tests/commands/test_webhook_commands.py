"""`outreply webhooks`: developer tools and subscriptions."""

import json
import os
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.limits import EVENTS
from outreply_cli.webhooks import sign, verify
from tests.accounts.test_auth_commands import BACKENDS
from tests.command_line import CommandLine
from tests.commands.receiver_process import SECRET, parse_lines, run_receiver
from tests.scripted_server import ScriptedServer, response
from tests.webhooks.handler_server import run_handler

BODY = '{"event":"post.published","data":{}}'


@pytest.fixture
def developer(cli_logged_out: CommandLine) -> CommandLine:
    cli_logged_out.environ["OUTREPLY_WEBHOOK_SECRET"] = SECRET
    return cli_logged_out


def test_verify_accepts_signature_from_sign(developer: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text(BODY)
    signed = developer.run("webhooks", "sign", "--file", str(file)).out.strip()
    assert verify(BODY, signed, SECRET)
    text = developer.run("webhooks", "verify", "--signature", signed, stdin=BODY)
    assert (text.code, text.out[:9]) == (0, "verified:")
    ran = developer.run("webhooks", "verify", "--signature", signed, "--json", stdin=BODY)
    assert json.loads(ran.out)["verified"] is True


def test_verify_explains_mismatch(developer: CommandLine) -> None:
    words = ("webhooks", "verify", "--signature", sign(BODY, SECRET))
    ran = developer.run(*words, "--json", stdin=BODY + "\n")
    assert ran.code == 1
    error = json.loads(ran.err)["error"]
    assert error["code"] == "INVALID_SIGNATURE"
    assert any("trailing newline" in finding for finding in error["details"]["findings"])
    assert SECRET not in ran.err
    ran = developer.run(*words, stdin=BODY + "\n")
    lines = ran.err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["cause", "expected", "received", "Error"]
    assert lines[-1] == "Error: Signature mismatch"


def test_secrets_are_read_from_the_named_variables(cli_logged_out: CommandLine) -> None:
    env = {"OLD": "whsec_old", "NEW": "whsec_new"}
    words = ("webhooks", "verify", "--signature", sign(BODY, "whsec_old"))
    ran = cli_logged_out.run(
        *words, "--secret-env", "NEW", "--secret-env", "OLD", stdin=BODY, env=env
    )
    assert ran.code == 0
    assert "OLD" in ran.out
    missing = cli_logged_out.run(*words, stdin=BODY)
    assert missing.code == 2
    assert "OUTREPLY_WEBHOOK_SECRET" in missing.err
    unset = cli_logged_out.run(*words, "--secret-env", "NEITHER", stdin=BODY)
    assert unset.code == 2
    assert "not the secret itself" in unset.err


@pytest.mark.parametrize("variable", ["OUTREPLY_WEBHOOK_SECRET", "MY_SECRET"])
@pytest.mark.parametrize(
    "words",
    [("webhooks", "sign"), ("webhooks", "verify", "--signature", sign(BODY, SECRET)),
     ("webhooks", "trigger", "post.failed"), ("serve-webhook", "--port", "0", "--timeout", "1s"),
     ("webhooks", "check", "http://localhost:1")],
    ids=lambda words: words[1],
)  # fmt: skip
def test_secret_that_is_not_utf_8_is_rejected_and_not_shown(
    cli_logged_out: CommandLine, words: tuple[str, ...], variable: str
) -> None:
    if variable == "MY_SECRET":
        words += ("--secret-env", variable)
    env = {variable: os.fsdecode(b"whsec_swordf\xefsh")}
    ran = cli_logged_out.run(*words, stdin=BODY, env=env)
    assert (ran.code, ran.out) == (2, "")
    assert f"{variable} is not valid UTF-8" in ran.err
    assert "swordf" not in ran.err


def test_events_command_lists_and_shows_each_event(cli_logged_out: CommandLine) -> None:
    listed = json.loads(cli_logged_out.run("webhooks", "events", "--json").out)
    assert [item["event"] for item in listed] == list(EVENTS)
    assert "data.post.id" in listed[0]["fields"]
    for name in EVENTS:
        shown = json.loads(cli_logged_out.run("webhooks", "events", name).out)
        assert shown["event"] == name
    assert cli_logged_out.run("webhooks", "events", "post.liked").code == 2


def test_trigger_sends_signed_or_forged_deliveries(developer: CommandLine) -> None:
    with run_receiver(developer, "-o", "jsonl") as receiver:
        to = ("--to", receiver.url)
        for words in (["--set", "data.post.message=Hi"], ["--rotate"], ["--stale"]):
            ran = developer.run("webhooks", "trigger", "post.published", *to, *words)
            assert ran.code == 0, ran.err
        forged = developer.run("webhooks", "trigger", "post.failed", *to, "--bad-signature")
        assert forged.code == 0, forged.err
        assert "401" in forged.out
        assert "The handler rejected the invalid signature, as expected." in forged.err
        items = parse_lines(receiver.stop())
    assert [item["verified"] for item in items] == [True, True, True, False]
    assert items[0]["data"]["post"]["message"] == "Hi"


@pytest.mark.parametrize("status", [200, 202, 301, 500])
def test_trigger_fails_if_a_forged_delivery_is_not_rejected(
    developer: CommandLine, status: int
) -> None:
    with run_handler() as app:
        app.verifies, app.script = False, [status]
        ran = developer.run("webhooks", "trigger", "post.failed", "--to", app.url,
                            "--bad-signature")  # fmt: skip
    assert ran.code == 3
    assert f"The handler did not reject an invalid signature: HTTP {status}" in ran.err
    assert "as expected" not in ran.err


def test_trigger_reports_a_refused_connection(developer: CommandLine) -> None:
    ran = developer.run("webhooks", "trigger", "post.published", "--to", "127.0.0.1:1")
    assert ran.code == 7
    assert "connection refused" in ran.out + ran.err
    assert developer.run("webhooks", "trigger", "post.nothing").code == 2


def test_unreachable_url_is_a_network_error(developer: CommandLine) -> None:
    with run_receiver(developer) as receiver:
        assert developer.run("webhooks", "trigger", "post.failed", "--to", receiver.url).code == 0
    for words in (["replay", "#1", "--to", receiver.url], ["check", receiver.url]):
        ran = developer.run("webhooks", *words, "--json")
        assert ran.code == 7, ran.err
        error = json.loads(ran.err)["error"]
        assert error["code"] == "UNREACHABLE"
        assert receiver.url.rstrip("/") in error["message"]
        assert error["message"].endswith(": connection refused")
    assert ran.out == ""


@pytest.mark.parametrize(
    "words", [("trigger", "post.failed", "--to"), ("replay", "#1", "--to"), ("check",)]
)
def test_sending_commands_refuse_public_and_metadata_addresses(
    developer: CommandLine, words: tuple[str, ...]
) -> None:
    ran = developer.run("webhooks", *words, "http://8.8.8.8/hooks")
    assert (ran.code, ran.out) == (2, "")
    assert "--allow-public" in ran.err
    ran = developer.run("webhooks", *words, "http://169.254.169.254/", "--allow-public")
    assert (ran.code, ran.out) == (2, "")
    assert "link-local or metadata address" in ran.err


def test_trigger_set_invalid_json_is_text(developer: CommandLine) -> None:
    ran = developer.run("webhooks", "trigger", "post.failed", "--set", 'data.x="\\ud800"')
    assert ran.code == 2
    assert "--set: the value of data.x is not valid Unicode text" in ran.err
    with run_receiver(developer, "-o", "jsonl") as receiver:
        to = ("--to", receiver.url)
        assert (
            developer.run("webhooks", "trigger", "post.failed", "--set", "data.x=NaN", *to).code
            == 0
        )
        assert parse_lines(receiver.stop())[0]["data"]["x"] == "NaN"


def test_history_rejects_an_unknown_event(developer: CommandLine) -> None:
    for name in ("[[[", "post.publish", "post.*,comment.*"):
        ran = developer.run("webhooks", "history", "--event", name)
        assert (ran.code, ran.out) == (2, "")
        assert f"--event: unknown event {name!r}" in ran.err
    assert developer.run("webhooks", "history", "--event", "post.*").code == 0


@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
def test_invalid_tolerance_is_rejected(developer: CommandLine, number: str) -> None:
    ran = developer.run("webhooks", "verify", "--signature", "x", "--tolerance", number, stdin=BODY)
    assert (ran.code, ran.out) == (2, "")
    assert "--tolerance" in ran.err


def test_serve_webhook_passes_check(developer: CommandLine) -> None:
    with run_receiver(developer) as receiver:
        ran = developer.run("webhooks", "check", receiver.url, "--json")
        assert ran.code == 0, ran.out
        assert all(check["status"] == "ok" for check in json.loads(ran.out))


def test_webhook_is_created_listed_shown_and_deleted(cli: CommandLine) -> None:
    url = "http://127.0.0.1:9/hooks"
    created = cli.run("webhooks", "create", "--url", url, "--events", "post.published", "--json")
    assert created.code == 0, created.err
    hook = json.loads(created.out)
    assert hook["secret"].startswith("whsec_")
    assert "not shown again" in created.err
    assert json.loads(cli.run("webhooks", "list", "--json").out)[0]["id"] == hook["id"]
    shown = json.loads(cli.run("webhooks", "show", hook["id"], "--json").out)
    assert "secret" not in shown
    unconfirmed = cli.run("webhooks", "delete", hook["id"])
    assert unconfirmed.code == 2
    assert "--yes" in unconfirmed.err
    deleted = cli.run("webhooks", "delete", hook["id"], "--yes", "--json")
    assert deleted.code == 0
    assert json.loads(deleted.out) == {"id": hook["id"], "success": True}
    assert deleted.err == ""
    assert cli.run("webhooks", "show", hook["id"]).code == 5
    typo = cli.run("webhooks", "create", "--url", url, "--events", "post.publish")
    assert typo.code == 2
    assert "Did you mean post.published?" in typo.err


def test_save_secret_stores_in_keyring(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    (tmp_path / "test_backends.py").write_text(BACKENDS)
    cli.environ["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{Path.cwd()}"
    cli.environ["KEYRING_PATH"] = str(tmp_path / "kept.json")
    cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Working"
    ran = cli.spawn("webhooks", "create", "--url", "http://127.0.0.1:9/", "--save-secret")
    assert ran.code == 0, ran.err
    assert "whsec_" not in ran.out + ran.err
    (secret,) = json.loads((tmp_path / "kept.json").read_text()).values()
    signed = cli.spawn("webhooks", "sign", stdin=BODY)
    assert signed.out.strip() == sign(BODY, secret)
    assert "was replaced" not in ran.err
    ran = cli.spawn("webhooks", "create", "--url", "http://127.0.0.1:8/", "--save-secret")
    assert "the keyring's earlier webhook secret was replaced" in ran.err


@pytest.mark.parametrize(
    ("words", "is_printed"),
    [(["-q"], False), (["--fields", "id"], False), (["--fields", "secret"], True), ([], True)],
)
def test_secret_that_is_not_printed_is_reported(
    cli: CommandLine, words: list[str], is_printed: bool
) -> None:
    ran = cli.run("webhooks", "create", "--url", "http://127.0.0.1:9/", *words)
    assert ran.code == 0
    assert ("whsec_" in ran.out) is is_printed
    assert ("Save the secret now" in ran.err) is is_printed
    assert ("the secret was not printed" in ran.err) is not is_printed


@pytest.mark.parametrize(
    "url", ["", "localhost:3000", "ftp://x.example/", "http://", "http://[::1", "https://a b/"]
)
def test_create_rejects_an_invalid_url(cli_logged_out: CommandLine, url: str) -> None:
    ran = cli_logged_out.run("webhooks", "create", "--url", url)
    assert ran.code == 2
    assert "--url" in ran.err


def test_save_secret_without_keyring_creates_no_webhook(cli: CommandLine) -> None:
    words = ("webhooks", "create", "--url", "http://127.0.0.1:9/", "--save-secret")
    ran = cli.run(*words, env={"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})
    assert ran.code == 1
    assert "Remove --save-secret" in ran.err
    assert "token" not in ran.err
    assert json.loads(cli.run("webhooks", "list", "--json").out) == []


def test_create_response_without_secret_is_reported(cli_logged_out: CommandLine) -> None:
    made = response(201, {"webhook": {"id": "wh_1", "url": "https://x.example/"}})
    with ScriptedServer([made]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_" + "x" * 30, "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("webhooks", "create", "--url", "https://x.example/", env=env)
    assert ran.code == 0
    assert "the API returned no secret" in ran.err
    assert "Save the secret" not in ran.err


@pytest.mark.parametrize("words", [("list",), ("create", "--url", "https://x.example/")])
def test_webhooks_managed_in_dashboard_are_an_error(
    cli_logged_out: CommandLine, words: tuple[str, ...]
) -> None:
    refusal = response(404, {"error": "Not found", "code": "NOT_FOUND"})
    with ScriptedServer([refusal] * 3) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_" + "x" * 30, "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("webhooks", *words, env=env)
    assert ran.code == 5
    assert "managed in the dashboard" in ran.err
