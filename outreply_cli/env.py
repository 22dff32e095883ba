"""Environment variables that hold secrets."""

from collections.abc import MutableMapping

# The first one that is set is used.
TOKEN_VARIABLES = ("OUTREPLY_API_KEY", "OUTREPLY_TOKEN")
WEBHOOK_SECRET_VARIABLE = "OUTREPLY_WEBHOOK_SECRET"  # noqa: S105 - a variable's name
SECRET_VARIABLES = frozenset({*TOKEN_VARIABLES, WEBHOOK_SECRET_VARIABLE})


def pop_secrets(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Remove secrets from `environ`, so that child processes inherit none, and return all of it."""
    original = dict(environ)
    for name in SECRET_VARIABLES:
        environ.pop(name, None)
    return original
