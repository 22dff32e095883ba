"""Requests as curl commands, a Python script, a JavaScript module, or a workflow."""

import shlex
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from jinja2 import Environment, PackageLoader, StrictUndefined

from outreply_cli.api.base_url import DEFAULT_BASE_URL
from outreply_cli.api.request_builders import ApiRequest, FilePart
from outreply_cli.snippets.shared import (
    find_sdk_method,
    get_idempotency_key,
    headers,
    json_text,
    url,
)


def render_template(tool: str, requests: Sequence[ApiRequest], base_url: str) -> str:
    """Return text for `tool`, with the official SDKs where they have a method for a request."""
    environment = Environment(  # noqa: S701 - each value is quoted as the tool requires
        loader=PackageLoader("outreply_cli", "templates/print"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "curl_form": _curl_form, "js": _js, "json": json_text, "repr": repr,
        "json_without_braces": _json_without_braces, "n8n_text": _n8n_text, "shell": shlex.quote,
        "unquote": unquote,
    }  # fmt: skip
    methods = [find_sdk_method(request, is_python=tool == "python") for request in requests]
    text = environment.get_template(f"{tool}.txt").render(
        requests=requests, methods=methods, calls=list(zip(requests, methods, strict=True)),
        base_url=base_url, default_url=DEFAULT_BASE_URL, url=url, headers=headers,
        get_idempotency_key=get_idempotency_key, new_id=uuid.uuid4,
    )  # fmt: skip
    return text.rstrip("\n")


def _curl_form(file: FilePart) -> str:
    path = file.path.replace("\\", "\\\\").replace('"', '\\"')
    return f'file=@"{path}";filename={file.filename};type={file.mime}'


def _js(value: Any) -> str:
    # In an object literal, "__proto__" sets its prototype; a computed name does not.
    return json_text(value).replace('"__proto__":', '["__proto__"]:')


def _json_without_braces(value: Any) -> str:
    # Make and Zapier insert values at `{{`, which in JSON occurs only inside strings.
    return json_text(value).replace("{{", "\\u007b\\u007b")


def _n8n_text(value: str) -> str:
    # A value that starts with an equals sign is an expression.
    quoted = json_text(value).replace("}", "\\u007d")
    return f"={{{{ {quoted} }}}}" if value.startswith("=") else value
