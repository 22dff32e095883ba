"""A plain page of HTML: no script, nothing from elsewhere, every text on it escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from outreply_cli.net.server.response import Response

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: #1c2430; background: #fafbfc }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e3e7ec;
  vertical-align: top; overflow-wrap: anywhere }
th { font-weight: 600; color: #5a6675 } .bad { color: #b3261e } .none { color: #7a8594 }
@media (prefers-color-scheme: dark) { body { color: #e6e9ee; background: #14181d }
  th, td { border-color: #2b323b } }
"""
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)


def page(
    title: str, parts: Iterable[str], *, refresh_seconds: int | None = None, status: int = 200
) -> Response:
    """A document of `parts`, which are HTML already.

    Args:
        title: Plain text.
        parts: What stands on it.
        refresh_seconds: How often a browser reads it again by itself; None for never.
        status: Of HTTP.
    """
    refresh = f'<meta http-equiv="refresh" content="{refresh_seconds}">' if refresh_seconds else ""
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"{refresh}<title>{escape(title)}</title>"
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff",
               "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}  # fmt: skip
    return Response(
        status, document.encode("utf-8", "replace"), headers, "text/html; charset=utf-8"
    )


def table(heads: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; a cell that is `Html` stands as it is, everything else is escaped."""
    lines = ["<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    if not lines:
        return '<p class="none">Nothing yet.</p>'
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def _cell(value: object) -> str:
    return value if isinstance(value, Html) else escape(str(value))
