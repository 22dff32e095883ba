"""Code that the commands of `outreply slots` share."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from outreply_cli.api.client import Client
from outreply_cli.cli.options import argument
from outreply_cli.context import Context
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import Journal
from outreply_cli.journal.models import StoredSchedule
from outreply_cli.pages import UnknownPageError, page_alias, resolve_brand_id, resolve_page
from outreply_cli.posts.slot_finder import BRAND, PAGE
from outreply_cli.ui.columns import Column

TargetArgument = Annotated[str, argument("TARGET", "Page, or brand:NAME for all pages of a brand.")]
COLUMNS = (
    Column("ID", "id", shrinkable=True),
    Column("Page or brand", "name", shrinkable=True),
    Column("Slots", "slots"),
    Column("Time zone", "timezone"),
)
NO_SLOTS = "No slots are set. Set them with: outreply slots set PAGE 'mon-fri 09:00'"
_BRAND_PREFIX = "brand:"


@dataclass(frozen=True)
class Target:
    """A page or brand; `brand_id` is that of the brand itself, or of the page."""

    kind: str
    id: str
    name: str
    brand_id: str

    def to_dict(self, slots: StoredSchedule) -> dict[str, Any]:
        """Return the JSON-ready form, with its slots."""
        return {
            "id": self.id,
            "target": self.kind,
            "name": self.name,
            "slots": slots.text,
            "timezone": slots.timezone,
        }


def resolve_target(client: Client, text: str) -> Target:
    """Return the page or brand that `text` names.

    Raises:
        UnknownPageError, AmbiguousPageError, AmbiguousIdError, NotFoundError: None or several have
            that name.
    """
    if text.lower().startswith(_BRAND_PREFIX):
        brand = client.brand(resolve_brand_id(client, text[len(_BRAND_PREFIX) :].strip()))
        brand_id = str(brand["id"])
        return Target(BRAND, brand_id, str(brand.get("name") or brand_id), brand_id)
    pages = client.pages().items
    try:
        page = resolve_page(pages, text)
    except UnknownPageError as error:
        for name in {str(page.get("brand_name")) for page in pages}:
            if name.casefold() == text.strip().casefold():
                raise error.replace(hint=f"Did you mean: '{_BRAND_PREFIX}{name}'") from None
        raise
    return Target(PAGE, str(page["id"]), page_alias(page), str(page.get("brand_id") or ""))


@contextmanager
def open_store(
    context: Context, client: Client, *, allow_readonly: bool = False
) -> Iterator[tuple[Journal, str]]:
    """Open the journal, and yield it with the key of the client's account."""
    with closing(context.store.open(allow_readonly=allow_readonly)) as journal:
        yield journal, account_fingerprint(client)
