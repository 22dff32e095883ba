"""Requests as a workflow of n8n (reference: Integrations)."""

import json
import uuid
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from outreply_cli.api.requests import ApiRequest
from outreply_cli.snippets.shared import headers, json_text, url


def n8n_workflow(requests: Sequence[ApiRequest], base_url: str) -> str:
    """Return a workflow of HTTP Request nodes with a Header Auth credential."""
    nodes = [_node("Start", "manualTrigger", 1, {}, 0)]
    for number, request in enumerate(requests, 1):
        parameters = _parameters(request, base_url)
        node = _node(f"OutReply {number}", "httpRequest", 4.2, parameters, number)
        nodes.append({**node, "credentials": {"httpHeaderAuth": {"id": "", "name": "OutReply"}}})
    connections = {
        before["name"]: {"main": [[{"node": after["name"], "type": "main", "index": 0}]]}
        for before, after in pairwise(nodes)
    }
    workflow = {"name": "OutReply", "nodes": nodes, "connections": connections}
    return json.dumps(workflow, ensure_ascii=False, indent=2)


def _node(
    name: str, kind: str, version: float, parameters: dict[str, Any], column: int
) -> dict[str, Any]:
    return {
        "parameters": parameters, "id": str(uuid.uuid4()), "name": name,
        "type": f"n8n-nodes-base.{kind}", "typeVersion": version, "position": [240 * column, 0],
    }  # fmt: skip


def _parameters(request: ApiRequest, base_url: str) -> dict[str, Any]:
    given = [{"name": name, "value": _text(value)} for name, value in headers(request).items()]
    parameters: dict[str, Any] = {
        "method": request.method, "url": url(base_url, request),
        "authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth",
        "sendHeaders": bool(given), "headerParameters": {"parameters": given}, "options": {},
    }  # fmt: skip
    if request.body is not None:
        body = {"contentType": "json", "specifyBody": "json", "jsonBody": json_text(request.body)}
        parameters |= {"sendBody": True, **body}
    return parameters


def _text(value: str) -> str:
    # A value that starts with an equals sign is an expression.
    quoted = json_text(value).replace("}", "\\u007d")
    return f"={{{{ {quoted} }}}}" if value.startswith("=") else value
