"""HTML pages from the package's templates: escaped, without external resources."""

import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from outreply_cli.formats.sanitize import sanitize
from outreply_cli.net.server.response import Response

if TYPE_CHECKING:
    from jinja2 import Environment

_CONTENT = "text/html; charset=utf-8"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Without a referrer, forms would be sent with the origin `null`.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def render_page(template: str, *, status: int = 200, **values: Any) -> Response:
    """A page; only its own style sheet and script, which carry its nonce, apply.

    Args:
        template: The file in `outreply_cli/templates`.
        status: The HTTP status.
        values: The variables of the template; escaped where they are shown.
    """
    nonce = secrets.token_urlsafe(16)
    response = render_fragment(template, nonce=nonce, **values)
    response.status = status
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    return response


def render_fragment(template: str, **values: Any) -> Response:
    """A part of a page, for the page's own script."""
    document = render_document(template, **values)
    return Response(200, document.encode("utf-8", "replace"), dict(_HEADERS), _CONTENT)


def render_document(template: str, **values: Any) -> str:
    """A rendered template, for a file."""
    return _environment().get_template(template).render(**values)


def _sanitize(value: object) -> object:
    """Escape control, bidirectional and invisible characters of text; markup is already escaped."""
    return sanitize(value, keep_lines=True) if type(value) is str else value


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("outreply_cli"),
        autoescape=True,
        finalize=_sanitize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
