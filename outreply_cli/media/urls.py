"""Validation of media URLs that the server fetches (reference: SSRF protection)."""

from urllib.parse import urlsplit

from outreply_cli.net.address import is_local_name, is_public, parse_address


def find_media_url_problem(url: str) -> str | None:
    """Return the problem of a media URL, if any; host names are not resolved."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        port = parts.port
    except ValueError:
        return "is not a URL; use a public https URL"
    if any(character.isspace() for character in url):
        return "contains spaces; write them as %20"
    if not url.isprintable():
        return "contains invisible characters; percent-encode them"
    if parts.scheme not in {"http", "https"}:
        return "must start with https://"
    if not host or port == 0:
        return "has no host; use a public https URL"
    if parts.username is not None or parts.password is not None or "\\" in url:
        return "contains a user name or a backslash; use a plain public https URL"
    name = host.rstrip(".").lower()
    if not name:
        return "has no host; use a public https URL"
    if is_local_name(name):
        return "points to a private address, which OutReply cannot reach; use a public https URL"
    address = parse_address(name)
    if address is not None and not is_public(address):
        return "points to a private address, which OutReply cannot reach; use a public https URL"
    return None


def find_media_url_warning(url: str) -> str | None:
    """Return a warning about a valid `url`, if any."""
    if url.lower().startswith("http:"):
        return "uses http; the API documents only https, and may refuse it"
    return None
