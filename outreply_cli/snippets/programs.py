"""Requests as programs: curl commands, a Python script, a JavaScript module."""

import shlex
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote

from outreply_cli.api.base_url import DEFAULT_BASE_URL
from outreply_cli.api.requests import ApiRequest
from outreply_cli.snippets.shared import (
    SdkMethod,
    find_sdk_method,
    headers,
    json_text,
    send_key,
    url,
)

_NO_METHOD = "The SDK has no method for this request with all its fields and its key."


def curl(requests: Sequence[ApiRequest], base_url: str) -> str:
    """Return commands for a POSIX shell, each of which runs if the one before it succeeded."""
    return " &&\n".join(_curl_command(request, base_url) for request in requests)


def _curl_command(request: ApiRequest, base_url: str) -> str:
    lines = [
        f"curl -sS --fail-with-body -X {request.method} {shlex.quote(url(base_url, request))}",
        '-H "Authorization: Bearer $OUTREPLY_API_KEY"',
        *(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers(request).items()),
    ]
    file = request.file
    if file is not None:
        path = file.path.replace("\\", "\\\\").replace('"', '\\"')
        form = f'file=@"{path}";filename={file.filename};type={file.mime}'
        lines.append(f"-F {shlex.quote(form)}")
    elif request.body is not None:
        lines.append(f"--data-raw {shlex.quote(json_text(request.body))}")
    return " \\\n  ".join(lines)


def python(requests: Sequence[ApiRequest], base_url: str) -> str:
    """Return a script with the official SDK, or with httpx where the SDK lacks something."""
    methods = [find_sdk_method(request) for request in requests]
    methods = [method if method and method.has_python_fields else None for method in methods]
    imports, start = ["import os", ""], []
    if None in methods:
        imports.append("import httpx")
    if any(methods):
        imports.append("from outreply import OutReply")
        address = "" if base_url == DEFAULT_BASE_URL else f", base_url={base_url!r}"
        start = [f'client = OutReply(api_key=os.environ["OUTREPLY_API_KEY"]{address})']
    calls = [
        _python_call(request, method) if method is not None else _httpx_call(request, base_url)
        for request, method in zip(requests, methods, strict=True)
    ]
    return "\n\n".join(["\n".join(imports), *start, *calls])


def _python_call(request: ApiRequest, method: SdkMethod) -> str:
    if method.segment:
        return f"client.{method.name}({method.segment!r})"
    values, lines = {**(request.body or {}), "idempotency_key": send_key(request)}, []
    if request.file is not None:
        lines = [f"open({request.file.path!r}, 'rb')"]
        values |= {"filename": request.file.filename, "mime_type": request.file.mime}
    lines += [f"{name}={value!r}" for name, value in values.items()]
    return f"response = client.{method.name}({_indent(lines)})\nprint(response)"


def _httpx_call(request: ApiRequest, base_url: str) -> str:
    given = "".join(f", {name!r}: {value!r}" for name, value in headers(request).items())
    authorization = "'Authorization': 'Bearer ' + os.environ['OUTREPLY_API_KEY']"
    lines = [
        repr(request.method), repr(url(base_url, request)), f"headers={{{authorization}{given}}}",
        *([f"json={request.body!r}"] if request.body is not None else []), "timeout=60",
    ]  # fmt: skip
    call = f"response = httpx.request({_indent(lines)})"
    return f"# {_NO_METHOD}\n{call}\nprint(response.text)\nresponse.raise_for_status()"


def node(requests: Sequence[ApiRequest], base_url: str) -> str:
    """Return a module with the official SDK, or with fetch where the SDK lacks something."""
    methods, start = [find_sdk_method(request) for request in requests], []
    if any(methods):
        address = "" if base_url == DEFAULT_BASE_URL else f", baseUrl: {_js(base_url)}"
        options = f"{{ apiKey: process.env.OUTREPLY_API_KEY{address} }}"
        start = [
            'import OutReply from "@outreply/node";',
            f"const client = new OutReply({options});",
        ]
    calls = [
        _node_call(request, method) if method is not None else _fetch_call(request, base_url)
        for request, method in zip(requests, methods, strict=True)
    ]
    return "\n\n".join([*start, *calls])


def _node_call(request: ApiRequest, method: SdkMethod) -> str:
    if method.segment:
        return f"await client.{method.node_name}({_js(unquote(method.segment))});"
    argument, file = _js(request.body), request.file
    if file is not None:
        content = f'(await import("node:fs/promises")).readFile({_js(file.path)})'
        names = f"filename: {_js(file.filename)}, mimeType: {_js(file.mime)}"
        argument = f"{{ {names}, content: await {content} }}"
    lines = [argument, f"{{ idempotencyKey: {_js(send_key(request))} }}"]
    return f"console.log(await client.{method.node_name}({_indent(lines)}));"


def _fetch_call(request: ApiRequest, base_url: str) -> str:
    given = "".join(f", {_js(name)}: {_js(value)}" for name, value in headers(request).items())
    authorization = "Authorization: `Bearer ${process.env.OUTREPLY_API_KEY}`"
    lines = [f"method: {_js(request.method)}", f"headers: {{ {authorization}{given} }}"]
    if request.body is not None:
        lines.append(f"body: JSON.stringify({_js(request.body)})")
    address = _js(url(base_url, request))
    return (
        f"// {_NO_METHOD}\n"
        f"await fetch({address}, {{{_indent(lines)}}}).then(async (response) => {{\n"
        "  console.log(await response.text());\n"
        "  if (!response.ok) throw new Error(`HTTP ${response.status}`);\n"
        "});"
    )


def _js(value: Any) -> str:
    # In a literal of an object, "__proto__" sets its prototype; a computed name does not.
    return json_text(value).replace('"__proto__":', '["__proto__"]:')


def _indent(lines: Iterable[str]) -> str:
    return "\n" + "".join(f"    {line},\n" for line in lines)
