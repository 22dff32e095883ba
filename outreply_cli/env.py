"""Environment variables that several packages use: their names and values."""

from collections.abc import Mapping, MutableMapping

# The first one that is set is used.
TOKEN_VARIABLES = ("OUTREPLY_API_KEY", "OUTREPLY_TOKEN")
PROFILE_VARIABLE = "OUTREPLY_PROFILE"
WEBHOOK_SECRET_VARIABLE = "OUTREPLY_WEBHOOK_SECRET"  # noqa: S105 - a variable's name
# The URL may contain a password.
STORE_URL_VARIABLE = "OUTREPLY_STORE_URL"
# They replace the certificates that are trusted.
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# For a value with bytes of another encoding.
UTF8_HINT = "Set it again, as UTF-8 text."
SECRET_VARIABLES = frozenset({*TOKEN_VARIABLES, WEBHOOK_SECRET_VARIABLE, STORE_URL_VARIABLE})


def pop_secrets(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Remove secrets from `environ`, which child processes inherit; return a copy that has them."""
    original = dict(environ)
    for name in SECRET_VARIABLES:
        environ.pop(name, None)
    return original


def select_profile(option: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the profile named by `--profile`, else by `OUTREPLY_PROFILE`; None if neither is."""
    return option or environ.get(PROFILE_VARIABLE) or None


def select_token_variable(option: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the variable whose token is used; None if none is set, or `--profile` is given."""
    if option is not None:
        return None
    return next((name for name in TOKEN_VARIABLES if environ.get(name)), None)
