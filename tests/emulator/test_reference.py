"""Every statement of the API reference, checked by raw requests.

reference.yaml quotes the reference in full, by section: each statement has checks, or the reason
why it cannot be observed. Every check fails when its rule in the emulator is switched off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from outreply_cli.emulator.catalog import ENTRIES
from outreply_cli.spec.limits import EVENTS, TOKEN_PREFIXES
from outreply_cli.spec.webhooks import RETRY_SECONDS
from tests.emulator import reference_checks as checks
from tests.emulator.reference_checks import Api, open_api
from tests.emulator.reference_rules import switch_off

HERE = Path(__file__).parent
OBSERVABLE_STATEMENTS = 280


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
        values, text = self.values, self.statement
        if "run" in values:
            checks.CHECKS[values["run"]](api)
        elif "send" in values:
            checks.run_send(api, values)
        elif "steps" in values:
            for step in values["steps"]:
                checks.run_send(api, step)
        elif "scope" in values:
            checks.run_scope(api, text.partition(":")[0] + ":" + _scope_name(text))
        elif "tier" in values:
            checks.run_tier(api, *values["tier"])
        elif "guardrail" in values:
            checks.run_guardrail(api, *values["guardrail"])
        elif "endpoint" in values:
            checks.run_endpoint(api, text)
        elif "example" in values:
            checks.run_example(api, values, self.path, self.expected)
        elif "curl" in values:
            checks.run_curl(api, text, values["curl"])
        elif "error" in values:
            checks.run_error(api, text)
        elif "event" in values:
            checks.run_event(api, values["event"])
        else:
            checks.run_payload(api, values["payload"])


def _scope_name(row: str) -> str:
    """The name of a scope in its row, which is followed by the name of its group."""
    rest = row.partition(":")[2]
    return next(
        name for name in ("account", "brands", "pages", "posts", "comments", "media")
        if rest.startswith(name)
    )  # fmt: skip


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


def all_checks() -> Iterator[Check]:
    for section in load_reference():
        for number, statement in enumerate(section["statements"]):
            text = statement["says"]
            base = f"{section['section']}-{number}"
            if "example" in statement:
                for path, expected in checks.list_fields(checks.parse_example(text)):
                    rule = {"field": ".".join(p for p in path.split(".") if not p.isdigit())}
                    yield Check(f"{base}-{path}", text, statement, rule, path, expected)
            for index, values in enumerate(statement.get("checks", ())):
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
    switch_off(monkeypatch, check.without)
    # Which error shows it does not matter: a missing field may also be one.
    with open_api(tmp_path) as api, pytest.raises(BaseException):  # noqa: B017, PT011
        check.run(api)


def test_every_sentence_has_an_entry() -> None:
    """reference.yaml quotes the reference word for word, and nothing else."""
    quoted = " ".join(" ".join(statement["says"].split()) for statement in statements())
    reference = " ".join((HERE / "reference.txt").read_text(encoding="utf-8").split())
    assert quoted == reference


def test_every_entry_has_checks_or_a_reason() -> None:
    for statement in statements():
        is_checked = "example" in statement or bool(statement.get("checks"))
        assert is_checked != bool(statement.get("unobservable")), statement["says"]
    assert len(CHECKS) >= OBSERVABLE_STATEMENTS


def test_constants_match_reference() -> None:
    quoted = "\n".join(statement["says"] for statement in statements())
    assert all(event in quoted for event in EVENTS)
    assert all(prefix in quoted for prefix in TOKEN_PREFIXES)
    assert list(RETRY_SECONDS) == [30, 120, 600, 1_800, 7_200]


def test_every_code_in_the_source_is_in_the_catalog() -> None:
    import re

    import outreply_cli.emulator as package

    codes = {
        code
        for path in Path(package.__file__).parent.glob("*.py")
        for code in re.findall(
            r'(?:ErrorResponse\(\s*\d+,|too_many\()\s*"([A-Z_]+)"', path.read_text()
        )
    }
    # That of the admin API.
    codes -= {"ADMIN_KEY_REQUIRED"}
    assert codes <= {entry.code for entry in ENTRIES}
    assert not [entry for entry in ENTRIES if "outreply " in entry.fix]
