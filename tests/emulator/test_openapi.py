"""The OpenAPI document: every example matches its schema, every error code is documented."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from outreply_cli.emulator.openapi import document
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.errors import CATALOG

DOCUMENT = document()


def check(schema: dict[str, Any], value: Any) -> None:
    schema = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(value)


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


OPERATIONS = [pytest.param(operation, id=name) for name, operation in operations()]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_response_examples_match_schemas(operation: dict[str, Any]) -> None:
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
def test_request_examples_match_schemas(operation: dict[str, Any]) -> None:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        check(media["schema"], media["example"])
    for parameter in operation.get("parameters", ()):
        if parameter["in"] != "header":
            check(parameter["schema"], parameter["example"])


def test_error_codes_are_documented() -> None:
    documented = {
        code
        for _, operation in operations()
        for response in operation["responses"].values()
        for code in response["content"]["application/json"].get("examples", ())
    }
    assert {entry.code for entry in CATALOG} | {"INVALID_FAULT"} <= documented
    schemas = DOCUMENT["components"]["schemas"]
    for code, keys in {
        "MISSING_SCOPE": {"required_scope", "your_scopes"},
        "RATE_LIMITED": {"retry_after_seconds"},
        "SANDBOX_EXHAUSTED": {"upgrade_url"},
        "MONTHLY_QUOTA_EXCEEDED": {"quota", "tier", "limit", "used", "resets_at", "upgrade_url"},
    }.items():
        assert keys <= set(schemas[code]["required"])


def test_method_not_allowed(emulator: EmulatorServer) -> None:
    for path in ("/", "/errors", "/openapi.json", "/pages"):
        response = httpx.request(
            "DELETE", emulator.base_url + path, headers={"X-API-Key": emulator.token}
        )
        assert (response.status_code, response.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert "GET" in response.headers["Allow"]
