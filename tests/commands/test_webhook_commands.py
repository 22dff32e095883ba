"""`outreply webhooks`: a developer's tools, and the account's subscriptions."""

import json
import os
from pathlib import Path

import pytest

from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.limits import EVENTS
from outreply_cli.webhooks import sign, verify
from tests.accounts.test_auth_commands import BACKENDS
from tests.command_line import CommandLine
from tests.commands.receiver_process import SECRET, serving
from tests.scripted_server import ScriptedServer, answer

BODY = '{"event":"post.published","data":{}}'


@pytest.fixture
def developer(cli_logged_out: CommandLine) -> CommandLine:
    cli_logged_out.environ["OUTREPLY_WEBHOOK_SECRET"] = SECRET
    return cli_logged_out


def test_what_sign_prints_verify_accepts(developer: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text(BODY)
    signed = developer.run("webhooks", "sign", "--file", str(file)).out.strip()
    assert verify(BODY, signed, SECRET)
    good = developer.run("webhooks", "verify", "--signature", signed, stdin=BODY)
    assert (good.code, good.out[:5]) == (0, "good:")
    told = developer.run("webhooks", "verify", "--signature", signed, "--json", stdin=BODY)
    assert json.loads(told.out)["verified"] is True


def test_verify_says_why_not(developer: CommandLine) -> None:
    ran = developer.run(
        "webhooks", "verify", "--signature", sign(BODY, SECRET), "--json", stdin=BODY + "\n"
    )
    assert ran.code == 1
    error = json.loads(ran.err)["error"]
    assert error["code"] == "BAD_SIGNATURE"
    assert any("last line break" in finding for finding in error["details"]["findings"])
    assert SECRET not in ran.err


def test_a_secret_is_named_by_its_variable(cli_logged_out: CommandLine) -> None:
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


def test_the_five_events_with_their_fields_and_examples(cli_logged_out: CommandLine) -> None:
    listed = json.loads(cli_logged_out.run("webhooks", "events", "--json").out)
    assert [item["event"] for item in listed] == list(EVENTS)
    assert "data.post.id" in listed[0]["fields"]
    for name in EVENTS:
        shown = json.loads(cli_logged_out.run("webhooks", "events", name).out)
        assert shown["event"] == name
    assert cli_logged_out.run("webhooks", "events", "post.liked").code == 2


def test_trigger_sends_what_the_receiver_verifies(developer: CommandLine) -> None:
    with serving(developer, "-o", "jsonl") as receiver:
        to = ("--to", receiver.url)
        for words in (["--set", "data.post.message=Hi"], ["--rotate"], ["--stale"]):
            ran = developer.run("webhooks", "trigger", "post.published", *to, *words)
            assert ran.code == 0, ran.err
        bad = developer.run("webhooks", "trigger", "post.failed", *to, "--bad-signature")
        assert bad.code == 3
        items = receiver.objects(receiver.end())
    assert [item["verified"] for item in items] == [True, True, True, False]
    assert items[0]["data"]["post"]["message"] == "Hi"


def test_trigger_to_nobody_says_so(developer: CommandLine) -> None:
    ran = developer.run("webhooks", "trigger", "post.published", "--to", "127.0.0.1:1")
    assert ran.code == 7
    assert "connection refused" in ran.out + ran.err
    assert developer.run("webhooks", "trigger", "post.nothing").code == 2


def test_what_nobody_answers_is_a_failure_of_the_network(developer: CommandLine) -> None:
    with serving(developer) as receiver:
        assert developer.run("webhooks", "trigger", "post.failed", "--to", receiver.url).code == 0
    for words in (["replay", "#1", "--to", receiver.url], ["check", receiver.url]):
        ran = developer.run("webhooks", *words, "--json")
        assert ran.code == 7, ran.err
        error = json.loads(ran.err)["error"]
        assert error["code"] == "UNREACHABLE"
        assert receiver.url in error["message"]
        assert error["message"].endswith(": connection refused")
    assert ran.out == ""


@pytest.mark.parametrize(
    "words", [("trigger", "post.failed", "--to"), ("replay", "#1", "--to"), ("check",)]
)
def test_where_no_delivery_may_go_nothing_is_sent(
    developer: CommandLine, words: tuple[str, ...]
) -> None:
    ran = developer.run("webhooks", *words, "http://8.8.8.8/hooks")
    assert (ran.code, ran.out) == (2, "")
    assert "--allow-public" in ran.err
    ran = developer.run("webhooks", *words, "http://169.254.169.254/", "--allow-public")
    assert (ran.code, ran.out) == (2, "")
    assert "deliveries never go to such an address" in ran.err


def test_a_setting_that_no_json_can_hold_is_refused_or_a_text(developer: CommandLine) -> None:
    ran = developer.run("webhooks", "trigger", "post.failed", "--set", 'data.x="\\ud800"')
    assert ran.code == 2
    assert "--set data.x" in ran.err
    with serving(developer, "-o", "jsonl") as receiver:
        to = ("--to", receiver.url)
        assert (
            developer.run("webhooks", "trigger", "post.failed", "--set", "data.x=NaN", *to).code
            == 0
        )
        assert receiver.objects(receiver.end())[0]["data"]["x"] == "NaN"


def test_a_name_that_no_event_has_is_told_where_nothing_is_found(developer: CommandLine) -> None:
    for name in ("[[[", "post.publish", "post.*,comment.*"):
        ran = developer.run("webhooks", "history", "--event", name)
        assert (ran.code, ran.out) == (2, "")
        assert f"--event: no event is called {name!r}" in ran.err
    assert developer.run("webhooks", "history", "--event", "post.*").code == 0


@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
def test_a_tolerance_that_is_no_number_is_refused(developer: CommandLine, number: str) -> None:
    ran = developer.run("webhooks", "verify", "--signature", "x", "--tolerance", number, stdin=BODY)
    assert (ran.code, ran.out) == (2, "")
    assert "--tolerance" in ran.err


def test_our_own_receiver_passes_the_check(developer: CommandLine) -> None:
    with serving(developer) as receiver:
        ran = developer.run("webhooks", "check", receiver.url, "--json")
        assert ran.code == 0, ran.out
        assert all(trial["right"] for trial in json.loads(ran.out))


def test_subscriptions_are_made_listed_shown_and_removed(cli: CommandLine) -> None:
    url = "http://127.0.0.1:9/hooks"
    made = cli.run("webhooks", "create", "--url", url, "--events", "post.published", "--json")
    assert made.code == 0, made.err
    hook = json.loads(made.out)
    assert hook["secret"].startswith("whsec_")
    assert "not shown again" in made.err
    assert json.loads(cli.run("webhooks", "list", "--json").out)[0]["id"] == hook["id"]
    shown = json.loads(cli.run("webhooks", "show", hook["id"], "--json").out)
    assert "secret" not in shown
    asked = cli.run("webhooks", "delete", hook["id"])
    assert asked.code == 2
    assert "--yes" in asked.err
    assert cli.run("webhooks", "delete", hook["id"], "--yes").code == 0
    assert cli.run("webhooks", "show", hook["id"]).code == 5
    near = cli.run("webhooks", "create", "--url", url, "--events", "post.publish")
    assert near.code == 2
    assert "Did you mean post.published?" in near.err


def test_a_saved_secret_is_in_the_keyring_and_nowhere_else(
    cli: CommandLine, emulator: EmulatorServer, tmp_path: Path
) -> None:
    (tmp_path / "test_backends.py").write_text(BACKENDS)
    cli.environ["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{Path.cwd()}"
    cli.environ["KEPT_PATH"] = str(tmp_path / "kept.json")
    cli.environ["PYTHON_KEYRING_BACKEND"] = "test_backends.Kept"
    made = cli.spawn("webhooks", "create", "--url", "http://127.0.0.1:9/", "--save-secret")
    assert made.code == 0, made.err
    assert "whsec_" not in made.out + made.err
    (kept,) = json.loads((tmp_path / "kept.json").read_text()).values()
    signed = cli.spawn("webhooks", "sign", stdin=BODY)
    assert signed.out.strip() == sign(BODY, kept)


@pytest.mark.parametrize(
    "url", ["", "localhost:3000", "ftp://x.example/", "http://", "http://[::1", "https://a b/"]
)
def test_what_no_webhook_can_be_sent_to_is_not_asked_for(
    cli_logged_out: CommandLine, url: str
) -> None:
    ran = cli_logged_out.run("webhooks", "create", "--url", url)
    assert ran.code == 2
    assert "--url" in ran.err


def test_without_a_keyring_no_webhook_is_made_whose_secret_is_to_be_saved(cli: CommandLine) -> None:
    words = ("webhooks", "create", "--url", "http://127.0.0.1:9/", "--save-secret")
    ran = cli.run(*words, env={"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})
    assert ran.code == 1
    assert "Leave out --save-secret" in ran.err
    assert "token" not in ran.err
    assert json.loads(cli.run("webhooks", "list", "--json").out) == []


def test_a_secret_that_is_not_told_is_not_missed(cli_logged_out: CommandLine) -> None:
    made = answer(201, {"webhook": {"id": "wh_1", "url": "https://x.example/"}})
    with ScriptedServer([made]) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_" + "x" * 30, "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("webhooks", "create", "--url", "https://x.example/", env=env)
    assert ran.code == 0
    assert "the API told no secret" in ran.err
    assert "Keep the secret" not in ran.err


@pytest.mark.parametrize("words", [("list",), ("create", "--url", "https://x.example/")])
def test_an_account_whose_webhooks_are_in_the_dashboard_is_told_so(
    cli_logged_out: CommandLine, words: tuple[str, ...]
) -> None:
    refusal = answer(404, {"error": "Not found", "code": "NOT_FOUND"})
    with ScriptedServer([refusal] * 3) as server:
        env = {"OUTREPLY_API_KEY": "outreply_live_" + "x" * 30, "OUTREPLY_BASE_URL": server.url}
        ran = cli_logged_out.run("webhooks", *words, env=env)
    assert ran.code == 5
    assert "manages webhooks in the dashboard" in ran.err
