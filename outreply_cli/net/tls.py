"""Trusted certificates, and messages for failed TLS handshakes."""

import os
import ssl
from collections.abc import Callable

from outreply_cli.errors import InvalidInputError

# Verification codes of OpenSSL for the rules of RFC 5280 that Python checks from 3.13 on.
_STRICT_CODES = range(76, 95)
_DATE_CODES = {9, 10}
_NAME_CODES = {62, 64}
# Reason codes of OpenSSL for bytes that are not TLS.
_NOT_TLS = {
    "WRONG_VERSION_NUMBER",
    "RECORD_LAYER_FAILURE",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
}


def load_context(create: Callable[[], ssl.SSLContext] | None = None) -> ssl.SSLContext:
    """Return a client's context; `SSL_CERT_FILE` and `SSL_CERT_DIR` replace trusted certificates.

    Args:
        create: Returns the context; by default, one that trusts the system's certificates.

    Raises:
        InvalidInputError: A variable names unusable certificates.
    """
    file, directory = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    try:
        if create is not None:
            return create()
        return ssl.create_default_context(
            cafile=file or None, capath=directory if directory and not file else None
        )
    except OSError as error:
        variable = f"SSL_CERT_FILE={file}" if file else f"SSL_CERT_DIR={directory}"
        is_read = isinstance(error, ssl.SSLError)
        reason = "no usable certificate found" if is_read else error.strerror or error
        raise InvalidInputError(
            f"cannot load {variable}: {reason}",
            hint="Set SSL_CERT_FILE to a PEM file of CA certificates, or unset it.",
        ) from None


def find_tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """Return the TLS error among the causes of an error, or None."""
    # Causes and contexts may form a cycle.
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ssl.SSLError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def describe_tls_error(error: ssl.SSLError, host: str) -> tuple[str, str]:
    """The reason why the handshake with `host` failed, and a hint on who can fix it."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return _describe_handshake(error, host)
    code, text = error.verify_code, error.verify_message
    reason = f"the certificate of {host} is not trusted: {text}"
    if code in _STRICT_CODES:
        reason = (
            f"the certificate of {host} violates a rule that this Python version enforces: {text}"
        )
        hint = (
            "The issuer of the certificate, or of its CA, must reissue it: the operator of "
            f"{host}, or of a proxy that replaces it. Python 3.12 does not enforce the rule."
        )
    elif code in _DATE_CODES:
        hint = f"Check this machine's clock; if it is right, {host} needs a new certificate."
    elif code in _NAME_CODES:
        hint = "Use the host name that the certificate was issued for."
    else:
        hint = (
            "The connection may be intercepted. If the server or a proxy of your organization "
            "signs its own certificates, set SSL_CERT_FILE to the file of its CA certificate."
        )
    return reason, hint


def _describe_handshake(error: ssl.SSLError, host: str) -> tuple[str, str]:
    if error.reason in _NOT_TLS:
        return f"{host} does not speak TLS", "Use http:// instead of https://."
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        reason = "connection closed"
    else:
        reason = (error.reason or "unknown error").lower().replace("_", " ")
    return f"TLS handshake with {host} failed: {reason}", f"Check the TLS configuration of {host}."
