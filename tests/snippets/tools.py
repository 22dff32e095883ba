"""The tools of `--print`, which send what is printed.

curl, Python and Node.js are the real programs, Node.js with the methods of the official SDK as its
README documents them. n8n, Make and Zapier have stand-ins that send what their settings say.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

# The documented methods: `schedule(params, { idempotencyKey })`, `cancelScheduled(id)` and so on.
NODE_SDK = r"""
export default class OutReply {
  constructor({ apiKey, baseUrl = "https://api.outreply.com/api/v1" }) {
    const send = async (method, path, body, key) => {
      const isForm = body instanceof FormData;
      const response = await fetch(baseUrl + path, {
        method,
        headers: {
          Authorization: `Bearer ${apiKey}`,
          "Idempotency-Key": key ?? crypto.randomUUID(),
          ...(body && !isForm ? { "Content-Type": "application/json" } : {}),
        },
        body: body && !isForm ? JSON.stringify(body) : body,
      });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      return response.json();
    };
    const create = (path) => (params, { idempotencyKey } = {}) =>
      send("POST", path, params, idempotencyKey);
    const remove = (path) => (id) => send("DELETE", path + encodeURIComponent(id));
    this.posts = {
      schedule: create("/posts/schedule"),
      publish: create("/posts/publish"),
      cancelScheduled: remove("/posts/scheduled/"),
    };
    this.comments = { reply: create("/comments/reply") };
    this.webhooks = { create: create("/webhooks"), delete: remove("/webhooks/") };
    this.media = {
      upload: ({ filename, content, mimeType }, { idempotencyKey } = {}) => {
        const form = new FormData();
        form.append("file", new Blob([content], { type: mimeType }), filename);
        return send("POST", "/media/upload", form, idempotencyKey);
      },
      delete: remove("/media/"),
    };
  }
}
"""
# What n8n documents of a workflow with HTTP Request nodes.
_PAIRS = {
    "type": "object",
    "required": ["parameters"],
    "additionalProperties": False,
    "properties": {
        "parameters": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "value"],
                "additionalProperties": False,
                "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
            },
        }
    },
}
HTTP_REQUEST_NODE = {
    "type": "object",
    "required": ["method", "url", "options"],
    "additionalProperties": False,
    "properties": {
        "method": {"enum": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]},
        "url": {"type": "string", "format": "uri"},
        "authentication": {"enum": ["none", "predefinedCredentialType", "genericCredentialType"]},
        "genericAuthType": {
            "enum": [
                "httpBasicAuth", "httpBearerAuth", "httpDigestAuth", "httpHeaderAuth",
                "httpQueryAuth", "httpCustomAuth", "oAuth1Api", "oAuth2Api",
            ]
        },
        "sendHeaders": {"type": "boolean"},
        "headerParameters": _PAIRS,
        "sendBody": {"type": "boolean"},
        "contentType": {
            "enum": ["form-urlencoded", "multipart-form-data", "json", "binaryData", "raw"]
        },
        "specifyBody": {"enum": ["keypair", "json"]},
        "jsonBody": {"type": "string", "contentMediaType": "application/json"},
        "options": {"type": "object"},
    },
}  # fmt: skip
WORKFLOW = {
    "type": "object",
    "required": ["nodes", "connections"],
    "properties": {
        "nodes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["parameters", "id", "name", "type", "typeVersion", "position"],
                "properties": {
                    "position": {
                        "type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number"},
                    },
                    "credentials": {
                        "type": "object",
                        "additionalProperties": {"type": "object", "required": ["id", "name"]},
                    },
                },
                "if": {"properties": {"type": {"const": "n8n-nodes-base.httpRequest"}}},
                "then": {"properties": {"parameters": HTTP_REQUEST_NODE}},
                "else": {"properties": {"type": {"const": "n8n-nodes-base.manualTrigger"}}},
            },
        },
    },
}  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """A request that a stand-in sends."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None = None


@dataclass
class Tools:
    """Runs printed requests with a token."""

    directory: Path
    token: str
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, tool: str, text: str) -> None:
        """Send what `tool` makes of a text; the last request must succeed."""
        if tool in {"curl", "python", "node"}:
            self.execute(tool, text)
            return
        for sent in parse(tool, text):
            headers = {**sent.headers, "Authorization": f"Bearer {self.token}"}
            body = sent.body.encode() if sent.body is not None else None
            done = httpx.request(
                sent.method, sent.url, headers=headers, content=body, trust_env=False, timeout=60
            )
            assert done.is_success, done.text

    def execute(self, tool: str, text: str) -> str:
        """Run a program with `tool` and return its output."""
        words = {
            "curl": ["bash", "-c", text],
            "python": [sys.executable, "-c", text],
            "node": ["node", "request.mjs"],
        }[tool]
        program = shutil.which("curl" if tool == "curl" else words[0])
        if program is None:
            pytest.skip(f"{tool} is not installed")
        (self.directory / "request.mjs").write_text(text, encoding="utf-8")
        package = self.directory / "node_modules" / "@outreply" / "node"
        package.mkdir(parents=True, exist_ok=True)
        (package / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
        (package / "index.js").write_text(NODE_SDK)
        done = subprocess.run(
            words, cwd=self.directory, capture_output=True, text=True, timeout=60, check=False,
            env={
                "PATH": f"{Path(program).parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                "NO_PROXY": "*", "OUTREPLY_API_KEY": self.token, **self.environ,
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def parse(tool: str, text: str) -> Iterator[Sent]:
    """Yield the requests that n8n, Make or Zapier sends with the printed settings."""
    if tool == "n8n":
        yield from _parse_workflow(json.loads(text))
        return
    for block in text.rstrip("\n").split("\n\n"):
        lines = block.split("\n")
        settings = dict(line.split(": ", 1) for line in lines if re.match(r"[A-Z][\w -]*: ", line))
        headers = dict(line[2:].split(": ", 1) for line in lines if line.startswith("  "))
        body = next((line for line in lines if line.startswith("{")), None)
        # Both tools replace what stands in double braces.
        assert "{{" not in (body or "")
        yield Sent(settings["Method"], settings["URL"], headers, body)


def _parse_workflow(workflow: dict[str, Any]) -> Iterator[Sent]:
    nodes = {node["name"]: node for node in workflow["nodes"]}
    name: str | None = workflow["nodes"][0]["name"]
    while name is not None:
        node, parameters = nodes[name], nodes[name]["parameters"]
        if node["type"] == "n8n-nodes-base.httpRequest":
            assert parameters["genericAuthType"] in node["credentials"]
            pairs = parameters["headerParameters"]["parameters"]
            headers = {pair["name"]: _evaluate(pair["value"]) for pair in pairs}
            body = _evaluate(parameters["jsonBody"]) if parameters.get("sendBody") else None
            yield Sent(parameters["method"], _evaluate(parameters["url"]), headers, body)
        following = workflow["connections"].get(name)
        name = following["main"][0][0]["node"] if following else None


def _evaluate(value: str) -> str:
    """The value of a parameter: text, or an expression with a string."""
    if not value.startswith("="):
        return value
    match = re.fullmatch(r'=\{\{ ("[^}]*") \}\}', value)
    assert match is not None, value
    return str(json.loads(match[1]))
