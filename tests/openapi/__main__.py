"""`python -m tests.openapi [TOOL…]`: run third-party tools on the OpenAPI documents.

Two generators make clients, which run every operation against the emulator; linters and validators
read the documents; Schemathesis compares the emulator with its document.

Needs `pip install -e '.[contract]'`, access to package indexes, and Node.js 20 or newer with npm,
without which the tools that run on it are skipped.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GENERATOR = "openapi-python-client==0.29.1"
SEED = 2
MIN_CASES = 1_200
_SEED_FILE = ROOT / "tests" / "emulator" / "roomy.yaml"
_SECONDS = 1_500
_NODE_VERSION = 20


class ToolError(Exception):
    """A tool failed; the text is its output."""


class Tools:
    """The tools, their environments below the directory `work`, and the documents."""

    def __init__(self, work: Path) -> None:
        self.work, self.npm = work, work / "npm"
        self.bin = Path(sys.executable).parent
        self.documents = (work / "api.json", work / "emulator.json")
        self.documents[0].write_text(run(self.bin / "outreply", "emulator", "openapi"))
        served = self.with_emulator(self.bin / "outreply", "api", "GET", "/openapi.json", "--json")
        self.documents[1].write_text(served)

    @property
    def operations(self) -> list[str]:
        """The operations of the API: `GET /pages`."""
        paths = json.loads(self.documents[0].read_text())["paths"]
        return [f"{method.upper()} {path}" for path in paths for method in paths[path]]

    def with_emulator(self, *words: object, environ: Mapping[str, str] | None = None) -> str:
        """The output of a command run with a fresh emulator."""
        start = (self.bin / "outreply", "emulator", "exec", "--lenient", "--seed-file", _SEED_FILE)
        return run(*start, "--", *words, environ=environ)

    def openapi_spec_validator(self) -> str:
        run(self.bin / "openapi-spec-validator", *self.documents)
        return "valid"

    def openapi_python_client(self) -> str:
        environment, client = self.work / "python", self.work / "client"
        run(sys.executable, "-m", "venv", environment)
        pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile")
        run(*pip, GENERATOR)
        # The generator formats the client with the ruff in its own environment.
        path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        run(
            environment / "bin" / "openapi-python-client", "generate", "--fail-on-warning",
            "--path", self.documents[0], "--output-path", client,
            environ={"PATH": path},
        )  # fmt: skip
        run(*pip, client)
        done = self.with_emulator(environment / "bin" / "python", HERE / "python_client.py")
        return f"ran {done.strip()}"

    def openapi_typescript(self) -> str:
        self._node("openapi-typescript", self.documents[0], "--output", "schema.d.ts")
        self._node("tsc", "--project", ".")
        client = self.npm / "built" / "client.js"
        return f"ran {self.with_emulator('node', client, *self.operations).strip()}"

    def redocly(self) -> str:
        for path in self.documents:
            words = ("lint", "--extends", "recommended", "--format", "json", path)
            output = self._node("redocly", *words)
            totals = json.loads(output[output.index("{") :])["totals"]
            if totals["errors"] or totals["warnings"]:
                raise ToolError(output)
        return "no errors, no warnings"

    def spectral(self) -> str:
        words = ("lint", "--ruleset", "spectral.yaml", "--fail-severity", "hint")
        self._node("spectral", *words, *self.documents)
        return "no errors, no warnings"

    def schemathesis(self) -> str:
        # One worker: with more, `ast.parse` of CPython 3.11 fails at random.
        command = (
            'exec "$0" run "$OUTREPLY_BASE_URL/openapi.json" --url "$OUTREPLY_BASE_URL" '
            '-H "Authorization: Bearer $OUTREPLY_API_KEY" "$@"'
        )
        output = self.with_emulator(
            "sh", "-c", command, self.bin / "schemathesis", "--checks", "all", "--seed", SEED,
            "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", 70,
            "--workers", 1, "--no-color",
            environ={"SCHEMATHESIS_HOOKS": "tests.openapi.schemathesis_hooks"},
        )  # fmt: skip
        generated = re.findall(r"^ *([\d,]+) generated", output, re.MULTILINE)
        cases = int(generated[-1].replace(",", "")) if generated else 0
        if cases < MIN_CASES:
            raise ToolError(f"too few cases: {cases}\n{output}")
        return f"all checks passed in {cases} cases"

    def install_node_packages(self) -> str | None:
        """Install the npm packages; return why not, if Node.js is missing."""
        if shutil.which("node") is None or shutil.which("npm") is None:
            return "Node.js or npm is not installed"
        version = run("node", "--version").strip()
        if int(version.removeprefix("v").split(".")[0]) < _NODE_VERSION:
            return f"Node.js {version} is too old"
        self.npm.mkdir()
        for name in ("package.json", "tsconfig.json", "client.ts", "spectral.yaml"):
            shutil.copy(HERE / name, self.npm)
        words = ("install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        run("npm", *words, cwd=self.npm)
        return None

    def _node(self, program: str, *words: object) -> str:
        path = self.npm / "node_modules" / ".bin" / program
        return run(path, *words, cwd=self.npm, environ={"REDOCLY_TELEMETRY": "off"})


def run(*words: object, cwd: Path = ROOT, environ: Mapping[str, str] | None = None) -> str:
    """The output of a program; raises ToolError if it fails."""
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env={**os.environ, **(environ or {})}, check=False,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise ToolError(done.stdout + done.stderr)
    return done.stdout


def main() -> int:
    """Run all tools, or those named on the command line; print one line for each."""
    failed, reason = False, None
    with tempfile.TemporaryDirectory(prefix="outreply-openapi-") as directory:
        tools = Tools(Path(directory))
        on_node: dict[str, Callable[[], str]] = {
            "openapi-typescript": tools.openapi_typescript,
            "redocly": tools.redocly,
            "spectral": tools.spectral,
        }
        tools_by_name = {
            "openapi-spec-validator": tools.openapi_spec_validator,
            "openapi-python-client": tools.openapi_python_client,
            **on_node,
            "schemathesis": tools.schemathesis,
        }
        names = sys.argv[1:] or list(tools_by_name)
        if any(name in on_node for name in names):
            reason = tools.install_node_packages()
        for name in names:
            if reason is not None and name in on_node:
                print(f"{name}: skipped: {reason}")
                continue
            try:
                print(f"{name}: {tools_by_name[name]()}", flush=True)
            except (ToolError, subprocess.TimeoutExpired) as error:
                failed = True
                print(f"{name}: failed\n{error}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
