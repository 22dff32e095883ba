"""Redaction of secrets in everything that is printed."""

import json
import re
from collections.abc import Iterable

from outreply_cli.spec.limits import TOKEN_PREFIXES

_WEBHOOK_PREFIX = "whsec_"
_PREFIXES = "|".join(map(re.escape, (*TOKEN_PREFIXES, _WEBHOOK_PREFIX)))
_SECRET = re.compile(rf"({_PREFIXES})[A-Za-z0-9_-]{{16,}}")
_HIDDEN = "(hidden)"
# A shorter value could be a word of the text.
_MIN_LENGTH = 6


def redact(text: str, secrets: Iterable[str]) -> str:
    """Hide secrets in `text`.

    Args:
        text: The text.
        secrets: The known secrets, hidden as they are and as JSON. Anything that looks like a
            token or a webhook secret is hidden too: a token typed in the wrong place is not known.
    """
    for secret in secrets:
        if len(secret) >= _MIN_LENGTH:
            text = text.replace(secret, _HIDDEN).replace(json.dumps(secret)[1:-1], _HIDDEN)
    return _SECRET.sub(rf"\1{_HIDDEN}", text)
