"""An API token that does not show itself (reference: Authentication)."""

from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.limits import SANDBOX_PREFIX, TOKEN_PREFIXES

_SHOWN_SECRET_CHARACTERS = 5


class Token:
    """A token whose text only `reveal` gives; `str`, `repr` and f-strings show its prefix alone."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Take `text` without surrounding white space.

        Raises:
            InvalidInputError: It is empty or has characters that no header may carry.
        """
        stripped = text.strip()
        if not stripped or not all("!" <= character <= "~" for character in stripped):
            raise InvalidInputError(
                "the token is empty, or has spaces, line breaks or non-ASCII characters in it",
                hint="Copy it again from the dashboard; it is one line of letters and digits.",
            )
        self._text = stripped

    def reveal(self) -> str:
        """The secret itself, for the one header that carries it and the store that keeps it."""
        return self._text

    @property
    def prefix(self) -> str:
        """What may be shown, as the API's own `prefix` does: `outreply_live_ab12c`."""
        known = self.known_prefix
        if known is None:
            return "(unknown kind)"
        # A short token is all secret: showing five of its characters would show most of it.
        secret = self._text[len(known) :]
        return known + (secret[:_SHOWN_SECRET_CHARACTERS] if len(secret) >= 20 else "")

    @property
    def known_prefix(self) -> str | None:
        """Which of the reference's prefixes it starts with, or None."""
        return next((prefix for prefix in TOKEN_PREFIXES if self._text.startswith(prefix)), None)

    @property
    def is_sandbox(self) -> bool:
        """Whether it is a sandbox token (reference: Sandbox tokens)."""
        return self._text.startswith(SANDBOX_PREFIX)

    def __repr__(self) -> str:
        return f"<Token {self.prefix}…>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)
