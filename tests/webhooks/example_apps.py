"""The Flask and FastAPI handlers of `outreply examples` accept valid signatures only.

Run: python -m tests.webhooks.example_apps, in an environment that has both frameworks.
"""

import os
from pathlib import Path
from typing import Any

import outreply_cli
from outreply_cli.webhooks import sign

EXAMPLES = Path(outreply_cli.__file__).parent / "examples"
SECRET, BODY = "whsec_of_the_examples", b'{"id":"evt_1","event":"post.published","data":{}}'


def _statuses(client: Any, *, is_flask: bool) -> list[int]:
    def post(signature: str) -> int:
        headers = {"X-OutReply-Signature": signature}
        content = {"data": BODY} if is_flask else {"content": BODY}
        return int(client.post("/hooks", headers=headers, **content).status_code)

    return [post(sign(BODY, SECRET)), post(sign(BODY, "another")), post("")]


def main() -> None:
    """Run both handlers and check their responses."""
    os.environ["OUTREPLY_WEBHOOK_SECRET"] = SECRET
    for name in ("webhook-flask.py", "webhook-fastapi.py"):
        namespace: dict[str, Any] = {"__name__": "example"}
        exec((EXAMPLES / name).read_text(encoding="utf-8"), namespace)  # noqa: S102 - our example
        is_flask = "flask" in name
        if is_flask:
            client = namespace["app"].test_client()
        else:
            from fastapi.testclient import TestClient

            client = TestClient(namespace["app"])
        assert _statuses(client, is_flask=is_flask) == [200, 401, 401], name
    print("Both example handlers work as expected.")  # noqa: T201


if __name__ == "__main__":
    main()
