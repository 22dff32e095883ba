"""The connection pool, as the environment wants it: whose certificates count, through which proxy.

An account that stands in `.netrc` is never used: only the token signs in.
"""

import ssl

import httpx

from outreply_cli import __version__
from outreply_cli.api.base_url import is_local_url
from outreply_cli.api.decoding import ACCEPTED
from outreply_cli.errors import InvalidInputError

_CONNECT_SECONDS = 10.0


def build_http_client(base_url: str, answer_seconds: float) -> httpx.Client:
    """A client for the checked `base_url`; a silent server is given `answer_seconds`.

    Certificates are always verified. `SSL_CERT_FILE` and `SSL_CERT_DIR` name others to trust,
    `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` the way.

    Raises:
        InvalidInputError: A variable names certificates or a proxy that can't be used.
    """
    try:
        return httpx.Client(
            timeout=httpx.Timeout(
                connect=_CONNECT_SECONDS, read=answer_seconds, write=answer_seconds, pool=None
            ),
            follow_redirects=False,
            # Plain http, which check_base_url allows on this machine alone, has no certificates:
            # reading them takes longer than the request.
            verify=False if base_url.startswith("http:") else _trusted(),
            # A proxy from the environment must not see what is meant for this machine.
            trust_env=not is_local_url(base_url),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": ACCEPTED,
                "User-Agent": f"outreply-cli/{__version__}",
            },
        )
    except (httpx.InvalidURL, ValueError, ImportError):
        # Their words quote the proxy's password.
        raise InvalidInputError(
            "the proxy that the environment names can't be used",
            hint="HTTPS_PROXY takes http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; "
            "write / # ? and @ in a password as %2F %23 %3F %40.",
        ) from None


def _trusted() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as failure:
        raise InvalidInputError(
            f"SSL_CERT_FILE or SSL_CERT_DIR can't be used: {failure.strerror or failure}",
            hint="SSL_CERT_FILE takes a file of certificates in PEM format.",
        ) from None
