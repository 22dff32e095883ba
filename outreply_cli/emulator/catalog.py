"""The codes that the emulator responds with: those of the reference, and its own.

The reference has no code for some errors, such as a field of the wrong type; the API may use
others there.
"""

from outreply_cli.spec.errors import CATALOG, CatalogEntry

_ADDED = (
    CatalogEntry("INVALID_FIELD", 400, "validation", "A field or parameter is invalid",
                 "Correct the field named in the message."),
    CatalogEntry("INVALID_JSON", 400, "validation", "The request body is not valid JSON",
                 "Send a JSON object in UTF-8."),
    CatalogEntry("METHOD_NOT_ALLOWED", 405, "validation", "Method not allowed",
                 "Use one of the methods in the Allow header."),
    CatalogEntry("PLATFORM_REJECTED", 422, "validation", "The platform refused the post",
                 "Change the post as the message says; platforms require more than the API."),
)  # fmt: skip
# Only used by the emulator.
_EMULATOR_ONLY = (
    CatalogEntry("BAD_REQUEST", 400, "emulator", "Malformed HTTP request",
                 "Send a valid HTTP/1.1 request."),
    CatalogEntry("HOST_NOT_ALLOWED", 403, "emulator", "The emulator accepts local requests only",
                 "Send the request to the URL that the emulator printed."),
    CatalogEntry("INVALID_FAULT", 400, "emulator", "The X-Emulator-Fault header is invalid",
                 "Use a fault such as status:503 or delay:2."),
)  # fmt: skip
ENTRIES = (*CATALOG, *_ADDED, *_EMULATOR_ONLY)
EMULATOR_CODES = frozenset(entry.code for entry in _EMULATOR_ONLY)
BY_CODE = {entry.code: entry for entry in ENTRIES}
