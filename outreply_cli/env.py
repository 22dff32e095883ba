"""The environment's variables that hold secrets of ours, and who gets to see them."""

from collections.abc import MutableMapping

# The first that is set counts.
TOKEN_VARIABLES = ("OUTREPLY_API_KEY", "OUTREPLY_TOKEN")
WEBHOOK_SECRET_VARIABLE = "OUTREPLY_WEBHOOK_SECRET"  # noqa: S105 - a variable's name
SECRET_VARIABLES = frozenset({*TOKEN_VARIABLES, WEBHOOK_SECRET_VARIABLE})


def pop_secrets(environ: MutableMapping[str, str]) -> dict[str, str]:
    """All that `environ` holds; it keeps no secret of ours.

    Of this process's own environment that means: whatever is started from here, by a keyring or
    a browser too, inherits none.
    """
    taken = dict(environ)
    for name in SECRET_VARIABLES:
        environ.pop(name, None)
    return taken
