"""The OpenAPI documents: valid examples, documented errors, and a form that generators read."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from outreply import OutReply

from outreply_cli.api.base_url import DEFAULT_BASE_URL
from outreply_cli.emulator.catalog import EMULATOR_CODES, ENTRIES
from outreply_cli.emulator.client import EmulatorHandle
from outreply_cli.emulator.incoming_comments import add_incoming_comment
from outreply_cli.emulator.openapi import document
from outreply_cli.emulator.schemas import error_component, load_parts
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.spec.limits import EVENTS

API = document(DEFAULT_BASE_URL)
EMULATOR = document("http://127.0.0.1:8080/api/v1", emulator=True)
CODES = {entry.code for entry in ENTRIES}
METHODS = {"get", "post", "delete"}
ALTERNATIVES = ("anyOf", "oneOf")
FORMATS = FormatChecker()


def is_time(value: object) -> bool:
    return value is None or datetime.fromisoformat(str(value)).tzinfo is not None


def is_uri(value: object) -> bool:
    parts = urlsplit(str(value))
    return value is None or (str(value).isascii() and bool(parts.scheme and parts.netloc))


FORMATS.checks("date-time", raises=ValueError)(is_time)
FORMATS.checks("uri", raises=ValueError)(is_uri)


def check(schema: dict[str, Any], value: Any) -> None:
    schema = {**schema, "components": EMULATOR["components"]}
    Draft202012Validator(schema, format_checker=FORMATS).validate(value)


def test_parts_are_the_same_without_the_c_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert load_parts.__wrapped__() == load_parts()


def operations(openapi: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in openapi[key].items():
        assert set(methods) <= METHODS
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def walk(value: Any, pointer: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in a document, with its JSON pointer, except in examples."""
    if isinstance(value, dict):
        yield pointer, value
        for name, item in value.items():
            if name not in {"example", "examples"}:
                yield from walk(item, f"{pointer}/{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from walk(item, f"{pointer}/{number}")


def documented_codes(openapi: dict[str, Any]) -> set[str]:
    return {
        code
        for _, operation in operations(openapi, "paths")
        for status, response in operation["responses"].items()
        if not status.startswith("2")
        for code in response["content"]["application/json"]["examples"]
    }


DOCUMENTS = pytest.mark.parametrize("openapi", [API, EMULATOR], ids=["api", "emulator"])
OPERATIONS = pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, id=f"{kind} {name}")
        for kind, openapi in (("api", API), ("emulator", EMULATOR))
        for name, operation in operations(openapi, "paths")
    ],
)
EVENT_OPERATIONS = pytest.mark.parametrize("event", EVENTS)


@OPERATIONS
def test_response_examples_match_schemas(operation: dict[str, Any]) -> None:
    succeeded = [status for status in operation["responses"] if status.startswith("2")]
    assert len(succeeded) == 1
    for status, response in operation["responses"].items():
        content = response["content"]["application/json"]
        if status.startswith("2"):
            check(content["schema"], content["example"])
            continue
        assert list(content["examples"]) == response["description"].split(", ")
        for code, example in content["examples"].items():
            assert example["value"]["code"] == code
            check(content["schema"], example["value"])
            check({"$ref": f"#/components/schemas/{error_component(code)}"}, example["value"])
        if status == "429":
            assert "Retry-After" in response["headers"]
        if status == "405":
            assert "Allow" in response["headers"]


@OPERATIONS
def test_request_examples_match_schemas(operation: dict[str, Any]) -> None:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        check(media["schema"], media["example"])
    for parameter in operation.get("parameters", ()):
        check(parameter["schema"], parameter["example"])


@OPERATIONS
def test_operations_are_described(operation: dict[str, Any]) -> None:
    assert operation["summary"].endswith(".")
    assert operation["description"].endswith(".")
    assert set(operation["tags"]) <= {tag["name"] for tag in API["tags"]}
    for parameter in operation.get("parameters", ()):
        assert parameter["description"].endswith(".")
        assert parameter.get("required") or parameter["in"] != "path"


@DOCUMENTS
def test_operation_ids_are_unique_and_in_camel_case(openapi: dict[str, Any]) -> None:
    all_operations = [*operations(openapi, "paths"), *operations(openapi, "webhooks")]
    ids = [operation["operationId"] for _, operation in all_operations]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in ids)
    chosen = {"getMe", "listPages", "schedulePost", "publishPost", "listScheduledPosts",
              "cancelPost", "uploadMedia", "replyToComment", "onPostPublished"}  # fmt: skip
    assert chosen <= set(ids)


@DOCUMENTS
def test_paths_name_their_parameters(openapi: dict[str, Any]) -> None:
    for name, operation in operations(openapi, "paths"):
        in_path = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", name))


@DOCUMENTS
def test_references_have_no_other_keys_and_an_existing_target(openapi: dict[str, Any]) -> None:
    for pointer, value in walk(openapi):
        if isinstance(value.get("$ref"), str):
            assert list(value) == ["$ref"], pointer
            name = value["$ref"].removeprefix("#/components/schemas/")
            assert name in openapi["components"]["schemas"], pointer


@DOCUMENTS
def test_alternatives_have_at_least_two_members(openapi: dict[str, Any]) -> None:
    for pointer, value in walk(openapi):
        for keyword in ALTERNATIVES:
            if isinstance(value.get(keyword), list):
                assert len(value[keyword]) > 1, pointer


@DOCUMENTS
def test_no_boolean_is_constant(openapi: dict[str, Any]) -> None:
    for pointer, value in walk(openapi["components"]["schemas"]):
        if value.get("type") == "boolean":
            assert not {"const", "enum"} & set(value), pointer


@DOCUMENTS
def test_every_schema_is_used(openapi: dict[str, Any]) -> None:
    used = {value["$ref"] for _, value in walk(openapi) if isinstance(value.get("$ref"), str)}
    assert used == {f"#/components/schemas/{name}" for name in openapi["components"]["schemas"]}


def test_files_are_binary_and_sizes_are_int64() -> None:
    schemas = API["components"]["schemas"]
    assert schemas["UploadRequest"]["properties"]["file"]["format"] == "binary"
    sizes = [
        value
        for pointer, value in walk(API)
        if pointer.endswith("_bytes") and pointer.split("/")[-2] == "properties"
    ]
    assert sizes
    assert all(size["format"] == "int64" for size in sizes)


@pytest.mark.parametrize("name", ["ScheduleRequest", "PublishRequest"])
def test_post_requires_text_or_media(name: str) -> None:
    schema = EMULATOR["components"]["schemas"][name]
    validator = Draft202012Validator({**schema, "components": EMULATOR["components"]})
    body: dict[str, Any] = {"page_id": "p", "scheduled_at": "2026-05-01T09:00:00Z"}
    valid: list[dict[str, Any]] = [
        {"message": "Hi"}, {"media_ids": ["m"]}, {"media_urls": ["https://a.example/"]},
    ]  # fmt: skip
    invalid: list[dict[str, Any]] = [
        {}, {"message": " "}, {"media_ids": []}, {"message": "x" * 5_001},
    ]  # fmt: skip
    assert all(validator.is_valid({**body, **given}) for given in valid)
    assert not any(validator.is_valid({**body, **given}) for given in invalid)


def test_error_codes_are_documented() -> None:
    assert documented_codes(EMULATOR) == CODES
    schemas = EMULATOR["components"]["schemas"]
    for code, keys in {
        "MISSING_SCOPE": {"required_scope", "your_scopes"},
        "RATE_LIMITED": {"retry_after_seconds"},
        "SANDBOX_EXHAUSTED": {"upgrade_url"},
        "MONTHLY_QUOTA_EXCEEDED": {"quota", "tier", "limit", "used", "resets_at", "upgrade_url"},
    }.items():
        assert keys <= set(schemas[error_component(code)]["required"])


def test_emulator_only_parts_are_kept_apart() -> None:
    assert documented_codes(API) == CODES - EMULATOR_CODES
    assert not any("x-emulator-only" in value for _, value in walk(API))
    marked = {
        pointer.split("/")[-1] for pointer, value in walk(EMULATOR) if "x-emulator-only" in value
    }
    assert {error_component(code) for code in EMULATOR_CODES} <= marked
    assert "X-Request-Id" in marked
    names = {*API["components"]["schemas"], *map(error_component, EMULATOR_CODES)}
    assert names == set(EMULATOR["components"]["schemas"])
    assert "Emulator" not in json.dumps(API)


def test_document_names_the_server_that_serves_it(emulator: EmulatorServer) -> None:
    assert API["servers"] == [{"url": DEFAULT_BASE_URL}]
    for host in ("127.0.0.1", "localhost"):
        url = emulator.base_url.replace("127.0.0.1", host)
        served = httpx.get(f"{url}/openapi.json", trust_env=False, verify=False, timeout=60).json()
        assert served == document(url, emulator=True)
        assert served["servers"] == [{"url": url}]


@EVENT_OPERATIONS
@DOCUMENTS
def test_event_examples_match_schemas(openapi: dict[str, Any], event: str) -> None:
    assert set(openapi["webhooks"]) == set(EVENTS)
    operation = openapi["webhooks"][event]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    check(content["schema"], content["example"])
    assert content["example"]["event"] == content["example"]["type"] == event
    headers = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert headers["X-OutReply-Signature"]["required"]
    assert not headers["X-OutReply-Timestamp"]["required"]
    for parameter in headers.values():
        check(parameter["schema"], parameter["example"])


def test_deliveries_match_schemas(
    sdk: OutReply, handle: EmulatorHandle, emulator: EmulatorServer
) -> None:
    sdk.webhooks.create(url="http://127.0.0.1:9/", events=list(EVENTS))
    state = emulator.state
    with state.transaction() as db:
        db.execute("UPDATE pages SET expired = 1 WHERE platform = 'linkedin'")
        db.execute("""UPDATE users SET limits = '{"publishes": 3}'""")
    pages = {page["platform"]: page["id"] for page in sdk.pages.list()["pages"]}
    for platform in ("instagram", "linkedin", "twitter"):
        sdk.posts.schedule(
            page_id=pages[platform], message="Soon", scheduled_at="2026-11-23T13:00:00Z"
        )
    handle.request("advance", seconds=3660)
    (post, *_) = sdk.posts.list_published(page_id=pages["instagram"])["published_posts"]
    with state.transaction():
        add_incoming_comment(state, post["id"], ("A", "a", "Hi"), 0.0)
    handle.request("advance", seconds=60)
    (comment, *_) = sdk.comments.list(post_id=post["id"])["comments"]
    sdk.comments.reply(comment_id=comment["id"], message="Thanks")
    with state.transaction() as db:
        bodies = [json.loads(row["body"]) for row in db.execute("SELECT body FROM deliveries")]
    assert {body["event"] for body in bodies} == set(EVENTS)
    for body in bodies:
        operation = API["webhooks"][body["event"]]["post"]
        check(operation["requestBody"]["content"]["application/json"]["schema"], body)


def test_unsupported_method_is_405_and_names_the_allowed_ones(emulator: EmulatorServer) -> None:
    for path in ("/", "/errors", "/openapi.json", "/pages"):
        response = httpx.request(
            "DELETE",
            emulator.base_url + path,
            headers={"X-API-Key": emulator.token},
            timeout=60,
        )
        assert (response.status_code, response.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert "GET" in response.headers["Allow"]


def test_fixed_path_has_its_own_methods_only(http: httpx.Client) -> None:
    for method in ("GET", "HEAD", "DELETE"):
        response = http.request(method, "/media/upload")
        assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert http.head("/pages").status_code == 200
