"""Secrets kept out of what is told, whoever quotes them."""

import json
import re
from collections.abc import Iterable

from outreply_cli.spec.limits import TOKEN_PREFIXES

_WEBHOOK_PREFIX = "whsec_"
_PREFIXES = "|".join(map(re.escape, (*TOKEN_PREFIXES, _WEBHOOK_PREFIX)))
_LOOKS_SECRET = re.compile(rf"({_PREFIXES})[A-Za-z0-9_-]{{16,}}")
_HIDDEN = "(hidden)"
# A shorter one is a word that stands in many texts.
_SHORTEST = 6


def redact(text: str, known: Iterable[str]) -> str:
    """`text` without the `known` secrets, as they are and in JSON, and without what looks like one.

    A token that is typed in the wrong place is nobody's known secret yet.
    """
    for secret in known:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _HIDDEN).replace(json.dumps(secret)[1:-1], _HIDDEN)
    return _LOOKS_SECRET.sub(rf"\1{_HIDDEN}", text)
