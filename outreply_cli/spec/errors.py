"""The built-in catalog of error codes (reference: Errors)."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CatalogEntry:
    """An error code; its fields are those of the live catalog."""

    code: str
    status: int
    category: str
    message: str
    fix: str


CATALOG: tuple[CatalogEntry, ...] = tuple(
    CatalogEntry(**entry)
    for entry in json.loads(Path(__file__).with_name("errors.json").read_text(encoding="utf-8"))
)
