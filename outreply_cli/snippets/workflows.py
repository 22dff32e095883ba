"""Requests for workflow tools: an n8n workflow, settings for Make and Zapier.

Reference: Integrations.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from outreply_cli.api.requests import ApiRequest
from outreply_cli.errors import InvalidInputError
from outreply_cli.snippets.shared import headers, json_text, url


def n8n(requests: Sequence[ApiRequest], base_url: str) -> str:
    """Return a workflow of HTTP Request nodes with a Header Auth credential."""
    _refuse_files(requests)
    nodes = [_n8n_node("Start", "manualTrigger", 1, {}, 0)]
    for number, request in enumerate(requests, 1):
        parameters = _n8n_parameters(request, base_url)
        node = _n8n_node(f"OutReply {number}", "httpRequest", 4.2, parameters, number)
        nodes.append({**node, "credentials": {"httpHeaderAuth": {"id": "", "name": "OutReply"}}})
    connections = {
        before["name"]: {"main": [[{"node": after["name"], "type": "main", "index": 0}]]}
        for before, after in pairwise(nodes)
    }
    workflow = {"name": "OutReply", "nodes": nodes, "connections": connections}
    return json.dumps(workflow, ensure_ascii=False, indent=2)


def _n8n_node(
    name: str, kind: str, version: float, parameters: dict[str, Any], column: int
) -> dict[str, Any]:
    return {
        "parameters": parameters, "id": str(uuid.uuid4()), "name": name,
        "type": f"n8n-nodes-base.{kind}", "typeVersion": version, "position": [240 * column, 0],
    }  # fmt: skip


def _n8n_parameters(request: ApiRequest, base_url: str) -> dict[str, Any]:
    given = [{"name": name, "value": _n8n_text(value)} for name, value in headers(request).items()]
    parameters: dict[str, Any] = {
        "method": request.method, "url": url(base_url, request),
        "authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth",
        "sendHeaders": bool(given), "headerParameters": {"parameters": given}, "options": {},
    }  # fmt: skip
    if request.body is not None:
        body = {"contentType": "json", "specifyBody": "json", "jsonBody": json_text(request.body)}
        parameters |= {"sendBody": True, **body}
    return parameters


def _n8n_text(value: str) -> str:
    # A value that starts with an equals sign is an expression.
    quoted = json_text(value).replace("}", "\\u007d")
    return f"={{{{ {quoted} }}}}" if value.startswith("=") else value


def make(requests: Sequence[ApiRequest], base_url: str) -> str:
    """Return the settings of a module of Make for each request."""
    _refuse_files(requests)
    form = ("Body type: Raw", "Content type: JSON (application/json)", "Request content:")
    return "\n\n".join(
        "\n".join([
            "Module: HTTP > Make a request",
            f"URL: {url(base_url, request)}",
            f"Method: {request.method}",
            *_header_lines(request, "{{connection.outreply_token}}"),
            *_body_lines(request, *form),
        ])
        for request in requests
    )  # fmt: skip


def zapier(requests: Sequence[ApiRequest], base_url: str) -> str:
    """Return the settings of an action of Zapier for each request."""
    _refuse_files(requests)
    return "\n\n".join(
        "\n".join([
            "Action: Webhooks by Zapier > Custom Request",
            f"Method: {request.method}",
            f"URL: {url(base_url, request)}",
            "Data pass-through: No",
            *_body_lines(request, "Data (JSON):"),
            *_header_lines(request, "outreply_live_..."),
        ])
        for request in requests
    )  # fmt: skip


def _header_lines(request: ApiRequest, token: str) -> Iterator[str]:
    yield "Headers:"
    yield f"  Authorization: Bearer {token}"
    for name, value in headers(request).items():
        yield f"  {name}: {value}"


def _body_lines(request: ApiRequest, *titles: str) -> Iterator[str]:
    if request.body is not None:
        yield from titles
        # Both tools insert values at `{{`, which in JSON stands in texts only.
        yield json_text(request.body).replace("{{", "\\u007b\\u007b")


def _refuse_files(requests: Sequence[ApiRequest]) -> None:
    for request in requests:
        if request.file is not None:
            raise InvalidInputError(
                f"--print: this tool cannot read {request.file.path}, a file of this machine",
                hint="Upload it with: outreply media upload FILE; then attach it with media:ID.",
            )
