"""From what people call a page to the page itself."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.platforms import long_name, platform_named

Page = Mapping[str, Any]


class UnknownPageError(InvalidInputError):
    """No page is called that."""

    code = "UNKNOWN_PAGE"


class AmbiguousPageError(InvalidInputError):
    """More than one page is called that."""

    code = "AMBIGUOUS_PAGE"


def page_alias(page: Page) -> str:
    """How people write `page`: `instagram:acme`, or its id where it has no user name."""
    username = page.get("username")
    if not username:
        return str(page.get("id"))
    return f"{long_name(str(page.get('platform')))}:{username}"


def find_page(pages: Sequence[Page], wanted: str) -> Page:
    """The one page that `wanted` names: an id, `platform:username`, or an exact name.

    Raises:
        UnknownPageError: There is none; near names are in the hint.
        AmbiguousPageError: There are several; they are listed.
    """
    text = wanted.strip()
    if not text:
        raise UnknownPageError("no page is named", hint="See: outreply pages list")
    found = _called(pages, text)
    if len(found) == 1:
        return found[0]
    if found:
        candidates = ", ".join(f"{page_alias(page)} ({page.get('id')})" for page in found)
        raise AmbiguousPageError(
            f"{wanted!r} could be: {candidates}", hint="Use the id of the one you mean."
        )
    raise UnknownPageError(f"there is no page {wanted!r}", hint=_suggestion(pages, text))


def _called(pages: Sequence[Page], text: str) -> list[Page]:
    exact = [page for page in pages if page.get("id") == text]
    if exact:
        return exact
    before, colon, username = text.partition(":")
    platform = platform_named(before) if colon else None
    if platform is not None:
        handle = username.strip().removeprefix("@").lower()
        return [
            page
            for page in pages
            if long_name(str(page.get("platform"))) == platform.name
            and str(page.get("username") or "").lower() == handle
        ]
    return [page for page in pages if page.get("name") == text]


def _suggestion(pages: Sequence[Page], text: str) -> str:
    # The right user name on a platform that was left out, or is another one.
    handle = text.rpartition(":")[2].removeprefix("@").lower()
    near = [page_alias(page) for page in pages if str(page.get("username") or "").lower() == handle]
    if not handle or not near:
        called = [*map(page_alias, pages), *(str(page.get("name")) for page in pages)]
        names = {name.lower(): name for name in called}
        close = difflib.get_close_matches(text.lower(), names, n=2, cutoff=0.5)
        near = [names[name] for name in close]
    did_you_mean = f"Did you mean {' or '.join(near)}? " if near else ""
    return f"{did_you_mean}See: outreply pages list"
