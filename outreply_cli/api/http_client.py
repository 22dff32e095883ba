"""The connection pool: certificates, proxy, timeouts.

Credentials in `.netrc` are never used; only the token authenticates.
"""

import os
import ssl
import sys

import httpx

from outreply_cli import __version__
from outreply_cli.api.base_url import is_local_url
from outreply_cli.api.deadline import enforce_deadlines
from outreply_cli.api.decoding import ACCEPT_ENCODING
from outreply_cli.errors import InvalidInputError, install_hint
from outreply_cli.net.proxy import Proxy, find_proxy
from outreply_cli.net.tls import load_context

_CONNECT_SECONDS = 10.0


def proxy_for(base_url: str) -> Proxy | None:
    """Return the proxy for the checked `base_url`; it must not see requests to this machine."""
    return None if is_local_url(base_url) else find_proxy(base_url, os.environ)


def build_http_client(base_url: str, timeout: float, proxy: Proxy | None) -> httpx.Client:
    """Return a client for the checked `base_url`; `timeout` is the seconds without a byte.

    Certificates are always verified. `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the trusted ones.

    Raises:
        InvalidInputError: A variable names unusable certificates or an unusable proxy.
    """
    # Plain http is limited to this machine by check_base_url; loading certificates takes longer
    # than the request.
    context = None if base_url.startswith("http:") else load_context(httpx.create_ssl_context)
    try:
        client = httpx.Client(
            timeout=httpx.Timeout(connect=_CONNECT_SECONDS, read=timeout, write=timeout, pool=None),
            follow_redirects=False,
            verify=context or False,
            proxy=_httpx_proxy(proxy, context) if proxy is not None else None,
            trust_env=False,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": ACCEPT_ENCODING,
                "User-Agent": f"outreply-cli/{__version__}",
            },
        )
    except ImportError:
        raise InvalidInputError(
            f"{proxy and proxy.variable} is a SOCKS proxy, which requires outreply-cli[socks]",
            hint=f"{install_hint('socks')}. Or set HTTPS_PROXY to an http:// proxy.",
        ) from None
    except (httpx.InvalidURL, ValueError):
        # httpx quotes the proxy's password in its message.
        raise InvalidInputError(
            f"invalid proxy in {proxy and proxy.variable}",
            hint="Use http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; "
            "write / # ? and @ in a password as %2F %23 %3F %40.",
        ) from None
    enforce_deadlines(client)
    return client


def socks_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that httpcore raises for a SOCKS proxy that breaks the protocol."""
    socksio = sys.modules.get("socksio")
    return () if socksio is None else (socksio.exceptions.SOCKSError, AssertionError)


def _httpx_proxy(proxy: Proxy, context: ssl.SSLContext | None) -> httpx.Proxy:
    # httpcore rejects a context for other schemes.
    is_secure = proxy.url.lower().startswith("https:")
    return httpx.Proxy(proxy.url, ssl_context=context if is_secure else None)
