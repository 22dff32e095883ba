"""HTML pages from the package's templates: escaped, without scripts or external resources."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from outreply_cli.net.server.response import Response

if TYPE_CHECKING:
    from jinja2 import Environment

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def render_page(template: str, *, status: int = 200, **values: Any) -> Response:
    """A page.

    Args:
        template: The file in `outreply_cli/templates`.
        status: The HTTP status.
        values: The variables of the template; escaped where they are shown.
    """
    document = _environment().get_template(template).render(**values)
    return Response(
        status, document.encode("utf-8", "replace"), dict(_HEADERS), "text/html; charset=utf-8"
    )


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("outreply_cli"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
