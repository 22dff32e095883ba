"""Parsing of http and https URLs."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class HttpUrl:
    """An http or https URL in the parts that a connection needs; `path` includes the query."""

    is_secure: bool
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        """The normalized URL, without a default port or a bare slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == (443 if self.is_secure else 80)
        port = "" if is_default else f":{self.port}"
        path = "" if self.path == "/" else self.path
        return f"{'https' if self.is_secure else 'http'}://{host}{port}{path}"


def parse_http_url(url: str) -> HttpUrl:
    """The parts of an http or https URL; raises ValueError for anything else."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if not host or parts.scheme not in {"http", "https"} or port == 0:
        raise ValueError("not an http or https URL")
    if not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("not a valid URL")
    is_secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return HttpUrl(is_secure, host, port or (443 if is_secure else 80), path)


def is_http_url(text: str) -> bool:
    """Whether `text` is a complete http or https URL."""
    try:
        parse_http_url(text)
    except ValueError:
        return False
    return True
