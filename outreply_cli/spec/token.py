"""API tokens that do not leak into output (reference: Authentication)."""

import re
from collections.abc import Mapping

from outreply_cli.env import TOKEN_VARIABLES
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.limits import SANDBOX_PREFIX, TOKEN_PREFIXES

_SHOWN_CHARACTERS = 5
_SHORT_SECRET_CHARACTERS = 20
_WEBHOOK_PREFIX = "whsec_"
_PREFIXES = "|".join(map(re.escape, (*TOKEN_PREFIXES, _WEBHOOK_PREFIX)))
# The reference's token has 48 characters after its prefix. `outreply_live_…` is not a token.
SECRET_SHAPE = re.compile(rf"({_PREFIXES})[A-Za-z0-9_-]{{16,}}")
LEAK_PROBLEM = (
    "contains an API token or a webhook secret; remove it, or write an example as outreply_live_…"
)
# A shorter value could be a word of the text.
MIN_SECRET_CHARACTERS = 6
_QUOTES = "\"'`\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb<>"


class Token:
    """A token; only `reveal` returns its text, `str` and `repr` show the prefix."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Strip `text`.

        Raises:
            InvalidInputError: The token is empty, contains characters not allowed in headers, or
                has quotation marks or other text around it.
        """
        stripped = text.strip()
        addition = _find_addition(stripped)
        if addition is not None:
            raise InvalidInputError(
                f"the token has {addition}",
                hint=f"Use only the token itself: {TOKEN_PREFIXES[0]} and what follows it.",
            )
        if not stripped or not all("!" <= character <= "~" for character in stripped):
            raise InvalidInputError(
                "the token is empty or contains spaces, line breaks or non-ASCII characters",
                hint="Copy the token again from the dashboard: one line of letters and digits.",
            )
        self._text = stripped

    def reveal(self) -> str:
        """Return the text of the token."""
        return self._text

    @property
    def prefix(self) -> str:
        """The part that may be shown, as the API's own `prefix`: `outreply_live_ab12c`."""
        known = self.known_prefix
        if known is None:
            return "(unknown prefix)"
        secret = self._text[len(known) :]
        is_short = len(secret) < _SHORT_SECRET_CHARACTERS
        return known + ("" if is_short else secret[:_SHOWN_CHARACTERS])

    @property
    def known_prefix(self) -> str | None:
        """The documented prefix of the token, or None."""
        return next((prefix for prefix in TOKEN_PREFIXES if self._text.startswith(prefix)), None)

    @property
    def is_sandbox(self) -> bool:
        """Whether this is a sandbox token (reference: Sandbox tokens)."""
        return self._text.startswith(SANDBOX_PREFIX)

    def __repr__(self) -> str:
        return f"<Token {self.prefix}…>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def holds_secret(value: object, token: Token | None = None) -> bool:
    """Whether a text in a JSON value contains `token`, or anything of a token's shape."""
    secret = token.reveal() if token is not None else ""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            if len(secret) >= MIN_SECRET_CHARACTERS and secret in item:
                return True
            # Fast check first: every prefix has an underscore, and most texts have none.
            if "_" in item and SECRET_SHAPE.search(item) is not None:
                return True
        elif isinstance(item, Mapping):
            rest += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple)):
            rest += item
    return False


def _find_addition(text: str) -> str | None:
    """Describe what surrounds a token, without quoting any of it; None if nothing does."""
    if text.strip(_QUOTES) != text:
        # `docker run --env-file` keeps the quotation marks of a shell's syntax.
        return "quotation marks around it"
    if any(text.startswith(f"{name}=") for name in TOKEN_VARIABLES):
        return "the name of its variable in front of it"
    if text[:7].lower() == "bearer ":
        return "the word Bearer in front of it"
    if not text.startswith(TOKEN_PREFIXES) and any(prefix in text for prefix in TOKEN_PREFIXES):
        return "other text in front of it"
    return None
