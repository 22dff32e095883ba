"""The README's Flask and FastAPI applications take what is signed and refuse what is not.

Run: python -m tests.webhooks.readme_apps, in an environment that has both frameworks.
"""

import os
import re
from pathlib import Path
from typing import Any

from outreply_cli.webhooks import sign

README = Path(__file__).parents[2] / "README.md"
SECRET, BODY = "whsec_of_the_readme", b'{"id":"evt_1","event":"post.published","data":{}}'


def _statuses(app: Any, client: Any) -> list[int]:
    def post(signature: str) -> int:
        headers = {"X-OutReply-Signature": signature}
        content = {"data": BODY} if "flask" in type(app).__module__ else {"content": BODY}
        return int(client.post("/hooks", headers=headers, **content).status_code)

    return [post(sign(BODY, SECRET)), post(sign(BODY, "another")), post("")]


def main() -> None:
    """Try both; an assertion fails where one is wrong."""
    os.environ["OUTREPLY_WEBHOOK_SECRET"] = SECRET
    text = README.read_text(encoding="utf-8").split("\n## Contributing\n")[0]
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    tried = 0
    for block in blocks:
        found: dict[str, Any] = {"__name__": "readme"}
        exec(block, found)  # noqa: S102 - the README's own words
        app = found["app"]
        if "flask" in block:
            client = app.test_client()
        else:
            from fastapi.testclient import TestClient

            client = TestClient(app)
        assert _statuses(app, client) == [200, 401, 401], block
        tried += 1
    assert tried == 2
    print(f"{tried} applications of the README take what is signed, and only that.")  # noqa: T201


if __name__ == "__main__":
    main()
