"""The connection pool: certificates, proxy, timeouts.

Credentials in `.netrc` are never used; only the token authenticates.
"""

import ssl

import httpx

from outreply_cli import __version__
from outreply_cli.api.base_url import is_local_url
from outreply_cli.api.deadline import enforce_deadlines
from outreply_cli.api.decoding import ACCEPT_ENCODING
from outreply_cli.errors import InvalidInputError

_CONNECT_SECONDS = 10.0


def build_http_client(base_url: str, timeout: float) -> httpx.Client:
    """Return a client for the checked `base_url`; `timeout` is the seconds without a byte.

    Certificates are always verified. `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the trusted ones;
    `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` set the proxy.

    Raises:
        InvalidInputError: A variable names unusable certificates or an unusable proxy.
    """
    try:
        client = httpx.Client(
            timeout=httpx.Timeout(connect=_CONNECT_SECONDS, read=timeout, write=timeout, pool=None),
            follow_redirects=False,
            # Plain http is limited to this machine by check_base_url; loading certificates takes
            # longer than the request.
            verify=False if base_url.startswith("http:") else _ssl_context(),
            # A proxy must not see requests to this machine.
            trust_env=not is_local_url(base_url),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": ACCEPT_ENCODING,
                "User-Agent": f"outreply-cli/{__version__}",
            },
        )
    except (httpx.InvalidURL, ValueError, ImportError):
        # httpx quotes the proxy's password in its message.
        raise InvalidInputError(
            "invalid proxy in the environment",
            hint="HTTPS_PROXY takes http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; "
            "write / # ? and @ in a password as %2F %23 %3F %40.",
        ) from None
    enforce_deadlines(client)
    return client


def _ssl_context() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise InvalidInputError(
            f"cannot load SSL_CERT_FILE or SSL_CERT_DIR: {error.strerror or error}",
            hint="Set SSL_CERT_FILE to a PEM file of CA certificates.",
        ) from None
