"""The description: whole, with an example of everything, each true by its own schema."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from outreply_cli.emulator.openapi import document
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.errors import CATALOGUE

DOCUMENT = document()


def check(schema: dict[str, Any], value: Any) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole).validate(value)


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


OPERATIONS = [pytest.param(found, id=name) for name, found in operations()]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_response_has_an_example_that_its_schema_allows(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        content = response["content"]["application/json"]
        if status.startswith("2"):
            check(content["schema"], content["example"])
            continue
        codes = response["description"].split(", ")
        assert sorted(content["examples"]) == codes
        for code, example in content["examples"].items():
            assert example["value"]["code"] == code
            check(content["schema"], example["value"])
            check({"$ref": f"#/components/schemas/{code}"}, example["value"])
        if status == "429":
            assert "Retry-After" in response["headers"]
    assert "405" in operation["responses"]
    assert "Allow" in operation["responses"]["405"]["headers"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_body_and_parameter_has_an_example(operation: dict[str, Any]) -> None:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        check(media["schema"], media["example"])
    for parameter in operation.get("parameters", ()):
        if parameter["in"] != "header":
            check(parameter["schema"], parameter["example"])


def test_every_code_is_described_with_its_own_keys() -> None:
    spoken = {
        code
        for _, operation in operations()
        for response in operation["responses"].values()
        for code in response["content"]["application/json"].get("examples", ())
    }
    assert {entry.code for entry in CATALOGUE} | {"INVALID_FAULT"} <= spoken
    schemas = DOCUMENT["components"]["schemas"]
    for code, keys in {
        "MISSING_SCOPE": {"required_scope", "your_scopes"},
        "RATE_LIMITED": {"retry_after_seconds"},
        "SANDBOX_EXHAUSTED": {"upgrade_url"},
        "MONTHLY_QUOTA_EXCEEDED": {"quota", "tier", "limit", "used", "resets_at", "upgrade_url"},
    }.items():
        assert keys <= set(schemas[code]["required"])


def test_another_method_of_an_open_path_is_not_allowed(emulator: EmulatorServer) -> None:
    for path in ("/", "/errors", "/openapi.json", "/pages"):
        answer = httpx.request(
            "DELETE", emulator.base_url + path, headers={"X-API-Key": emulator.token}
        )
        assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert "GET" in answer.headers["Allow"]
