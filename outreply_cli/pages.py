"""Resolving the names of pages and brands."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from outreply_cli.errors import ExitCode, InvalidInputError
from outreply_cli.ids import AmbiguousIdError, expand_id, expand_ids, is_api_id
from outreply_cli.spec.platforms import find_platform, long_name

if TYPE_CHECKING:
    from outreply_cli.api.client import Client

Page = Mapping[str, Any]


class UnknownPageError(InvalidInputError):
    """The page is unknown."""

    code = "UNKNOWN_PAGE"
    exit_code = ExitCode.NOT_FOUND


class AmbiguousPageError(InvalidInputError):
    """Several pages have this name."""

    code = "AMBIGUOUS_PAGE"


def page_alias(page: Page) -> str:
    """Return `platform:username`, or the ID of a page without a user name."""
    username = page.get("username")
    if not username:
        return str(page.get("id") or "")
    return f"{long_name(str(page.get('platform') or ''))}:{username}"


def short_page_alias(page: Page) -> str:
    """Return the alias with the code of the platform, such as `IG:acme`."""
    platform, alias = find_platform(str(page.get("platform") or "")), page_alias(page)
    return alias.replace(f"{platform.name}:", f"{platform.code}:", 1) if platform else alias


def resolve_page(pages: Sequence[Page], name: str) -> Page:
    """Return the page called `name`: an ID or a prefix of one, `platform:username`, or its name.

    Raises:
        UnknownPageError: No page has this name; similar names are in the hint.
        AmbiguousPageError: Several pages have this name.
        AmbiguousIdError: The IDs of several pages start with it.
    """
    text = name.strip()
    if not text:
        raise InvalidInputError("the name of the page is empty", hint="See: outreply pages list")
    matches = _find_matches(pages, text)
    if len(matches) == 1:
        return matches[0]
    if matches:
        candidates = ", ".join(f"{page_alias(page)} ({page.get('id')})" for page in matches)
        raise AmbiguousPageError(
            f"ambiguous page {name!r}: {candidates}", hint="Use the ID of the page."
        )
    raise UnknownPageError(f"page not found: {name}", hint=_suggestion(pages, text))


def resolve_page_id(pages: Sequence[Page], name: str | None) -> str | None:
    """Return the ID of the page called `name`, None without a name; raises as `resolve_page`."""
    return str(resolve_page(pages, name)["id"]) if name else None


def resolve_brand_id(client: "Client", name: str) -> str:
    """Return the ID of a brand called `name`: its ID, a prefix of it, or the exact name.

    A name that no brand has is returned as it is: the API reports it.

    Raises:
        AmbiguousIdError: Several brands have this name, or an ID that starts with it.
    """
    from outreply_cli.api.errors import PermissionDeniedError

    if is_api_id(name):
        return name
    try:
        brands = client.brands()
    except PermissionDeniedError:
        return name
    named = [str(brand["id"]) for brand in brands.items if brand.get("name") == name]
    if len(named) > 1:
        raise AmbiguousIdError(
            f"{len(named)} brands are called {name!r}: {', '.join(named)}",
            hint="Use the ID of the brand.",
            details={"candidates": named},
        )
    return named[0] if named else expand_ids([name], "brand", lambda: brands)[0]


def _find_matches(pages: Sequence[Page], text: str) -> list[Page]:
    by_id = [page for page in pages if page.get("id") == text]
    if by_id:
        return by_id
    prefix, colon, username = text.partition(":")
    platform = find_platform(prefix) if colon else None
    if platform is not None:
        username = username.strip().removeprefix("@").lower()
        by_alias = [
            page
            for page in pages
            if long_name(str(page.get("platform") or "")) == platform.name
            and str(page.get("username") or "").lower() == username
        ]
        if by_alias:
            return by_alias
    named = [page for page in pages if page.get("name") == text]
    if named:
        return named
    page_id = expand_id(text, {str(page.get("id")): page_alias(page) for page in pages}, "page")
    return [page for page in pages if page.get("id") == page_id]


def _suggestion(pages: Sequence[Page], text: str) -> str:
    # The same user name without a platform, or on another one.
    username = text.rpartition(":")[2].removeprefix("@").lower()
    near = [
        page_alias(page) for page in pages if str(page.get("username") or "").lower() == username
    ]
    if not username or not near:
        names = [*map(page_alias, pages), *(str(page.get("name") or "") for page in pages)]
        by_lower = {name.lower(): name for name in names}
        import difflib

        close = difflib.get_close_matches(text.lower(), by_lower, n=2, cutoff=0.5)
        near = [by_lower[name] for name in close]
    did_you_mean = f"Did you mean {' or '.join(near)}? " if near else ""
    return f"{did_you_mean}See: outreply pages list"
