"""Every statement of the API reference, checked by raw requests.

reference.yaml quotes the reference in full, by section: each statement has checks, or the reason
why it cannot be observed. Every check fails when its rule in the emulator is switched off.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from outreply_cli.emulator import app
from outreply_cli.emulator.catalog import ENTRIES
from outreply_cli.errors import OutReplyError
from outreply_cli.spec.limits import EVENTS, SCOPES, TOKEN_PREFIXES
from outreply_cli.spec.webhooks import RETRY_SECONDS
from tests.emulator import reference_checks as checks
from tests.emulator.reference_checks import Api, open_api
from tests.emulator.reference_rules import switch_off

HERE = Path(__file__).parent
OBSERVABLE_STATEMENTS = 280
# A missing field or object is a failure too.
FAILURES = (AssertionError, LookupError, TypeError, ValueError, OutReplyError,
            pytest.fail.Exception)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """A check of a statement, and the rule without which it fails."""

    name: str
    statement: str
    values: dict[str, Any]
    without: Any
    path: str = ""
    expected: Any = None

    def run(self, api: Api) -> None:
        kind = next(kind for kind in RUNNERS if kind in self.values)
        RUNNERS[kind](api, self)


# By the key of a check that says what it is about.
RUNNERS: dict[str, Callable[[Api, Check], object]] = {
    "run": lambda api, check: checks.CHECKS[check.values["run"]](api),
    "send": lambda api, check: checks.run_send(api, check.values),
    "steps": lambda api, check: checks.run_steps(api, check.values["steps"]),
    "scope": lambda api, check: checks.run_scope(api, _scope_name(check.statement)),
    "tier": lambda api, check: checks.run_tier(api, *check.values["tier"]),
    "guardrail": lambda api, check: checks.run_guardrail(api, *check.values["guardrail"]),
    "endpoint": lambda api, check: checks.run_endpoint(api, check.statement),
    "example": lambda api, check: checks.run_example(api, check.values, check.path, check.expected),
    "curl": lambda api, check: checks.run_curl(api, check.statement, check.values["curl"]),
    "error": lambda api, check: checks.run_error(api, check.statement),
    "event": lambda api, check: checks.run_event(api, check.values["event"]),
    "payload": lambda api, check: checks.run_payload(api, check.values["payload"]),
}


def _scope_name(row: str) -> str:
    """The scope of its row, where the name of its group follows."""
    return next(scope for scope in SCOPES if row.startswith(scope))


@cache
def load_reference() -> list[dict[str, Any]]:
    sections: list[dict[str, Any]] = yaml.safe_load((HERE / "reference.yaml").read_text())
    return sections


def statements() -> Iterator[dict[str, Any]]:
    for section in load_reference():
        yield from section["statements"]


def _default_rule(values: dict[str, Any], statement: str) -> Any:
    """The rule of a check that names none."""
    if "scope" in values:
        return "scopes"
    if values.get("tier", ("", ""))[1] == "expiration":
        return {"set": "tokens.MAX_TOKEN_LIFETIME", "days": 800}
    if "tier" in values:
        return {"tier": values["tier"][1]}
    if "guardrail" in values:
        return {"guardrail": values["guardrail"][1]}
    if "endpoint" in values:
        line, _ = checks.parse_endpoint(statement)
        path = line.partition("?")[0]
        for name, value in (("<brand_id>", "b1"), ("<page_id>", "p_facebook"), ("<post_id>", "s1"),
                            ("<media_id>", "m1")):  # fmt: skip
            path = path.replace(f"/{value}", f"/{name}")
        return {"route": path}
    if "error" in values:
        return {"code": checks.parse_error_row(statement)[1]}
    if "payload" in values:
        return {"payload": values["payload"]}
    return {"event": values["event"]}


def _example_checks(base: str, text: str, values: dict[str, Any]) -> Iterator[Check]:
    """A check for every field of an example response."""
    for path, expected in checks.list_fields(checks.parse_example(text)):
        rule = {"field": ".".join(part for part in path.split(".") if not part.isdigit())}
        yield Check(f"{base}-{path}", text, values, rule, path, expected)


def all_checks() -> Iterator[Check]:
    for section in load_reference():
        for number, statement in enumerate(section["statements"]):
            text = statement["says"]
            base = f"{section['section']}-{number}"
            for index, values in enumerate(statement.get("checks", ())):
                if "example" in values:
                    yield from _example_checks(base, text, values)
                    continue
                rule = values["without"] if "without" in values else _default_rule(values, text)
                label = next(iter(values.values())) or ""
                yield Check(f"{base}-{index}-{label}"[:80], text, values, rule)


CHECKS = list(all_checks())
PARAMETERS = [pytest.param(check, id=check.name) for check in CHECKS]


@pytest.mark.parametrize("check", PARAMETERS)
def test_statement_holds(check: Check, tmp_path: Path) -> None:
    with open_api(tmp_path) as api:
        check.run(api)


@pytest.mark.parametrize("check", PARAMETERS)
def test_statement_fails_without_its_rule(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes: list[Exception] = []
    monkeypatch.setattr(app, "log_exception", lambda error, _: crashes.append(error))
    switch_off(monkeypatch, check.without)
    with open_api(tmp_path) as api, pytest.raises(FAILURES):
        check.run(api)
    assert crashes == []


def test_every_sentence_has_an_entry() -> None:
    """reference.yaml quotes the reference word for word, and nothing else."""
    quoted = " ".join(" ".join(statement["says"].split()) for statement in statements())
    reference = " ".join((HERE / "reference.txt").read_text(encoding="utf-8").split())
    assert quoted == reference


def test_every_entry_has_checks_or_a_reason() -> None:
    for statement in statements():
        assert bool(statement.get("checks")) != bool(statement.get("unobservable")), statement
    assert len(CHECKS) >= OBSERVABLE_STATEMENTS


def test_constants_match_reference() -> None:
    quoted = "\n".join(statement["says"] for statement in statements())
    assert all(event in quoted for event in EVENTS)
    assert all(prefix in quoted for prefix in TOKEN_PREFIXES)
    assert list(RETRY_SECONDS) == [30, 120, 600, 1_800, 7_200]


def test_every_code_in_the_source_is_in_the_catalog() -> None:
    codes = {
        code
        for path in Path(app.__file__).parent.glob("*.py")
        for code in re.findall(
            r'(?:ErrorResponse\(\s*\d+,|too_many\()\s*"([A-Z_]+)"', path.read_text()
        )
    }
    # Those of the admin API and the page.
    codes -= {"ADMIN_KEY_REQUIRED", "ORIGIN_NOT_ALLOWED", "PAGE_REQUIRED", "PAGE_EXPIRED"}
    assert codes <= {entry.code for entry in ENTRIES}
    assert not [entry for entry in ENTRIES if "outreply " in entry.fix]
