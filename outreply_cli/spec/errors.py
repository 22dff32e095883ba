"""The built-in catalog of error codes (reference: Errors)."""

from dataclasses import dataclass

from outreply_cli.formats.json import load_data


@dataclass(frozen=True, eq=False, repr=False)
class CatalogEntry:
    """An error code; its fields are those of the live catalog."""

    code: str
    status: int
    category: str
    message: str
    fix: str


def is_guardrail(code: str) -> bool:
    """Whether an error code is that of a guardrail of a page or a brand."""
    return code.endswith("_GUARDRAIL")


CATALOG = tuple(CatalogEntry(**entry) for entry in load_data(__file__, "errors.json"))
