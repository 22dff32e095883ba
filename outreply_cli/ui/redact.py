"""Redaction of secrets in everything that is printed."""

import json
from collections.abc import Iterable

from outreply_cli.spec.token import MIN_SECRET_CHARACTERS, SECRET_SHAPE

_HIDDEN = "(hidden)"


def redact(text: str, secrets: Iterable[str]) -> str:
    """Hide secrets in `text`.

    Args:
        text: The text.
        secrets: The known secrets, hidden as they are and as JSON. Anything that looks like a
            token or a webhook secret is hidden too: a token typed in the wrong place is not known.
    """
    for secret in secrets:
        if len(secret) >= MIN_SECRET_CHARACTERS:
            text = text.replace(secret, _HIDDEN).replace(json.dumps(secret)[1:-1], _HIDDEN)
    return SECRET_SHAPE.sub(rf"\1{_HIDDEN}", text)
