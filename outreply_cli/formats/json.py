"""Strict JSON, without Python's extensions such as NaN."""

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

_MAX_GROWTH = 8
_MIN_CHARACTERS = 1_000
_ENCODER = json.JSONEncoder(ensure_ascii=False, indent=2)


def parse_json(document: str | bytes, *, is_unique: bool = False) -> Any:
    """Parse `document`; bytes may have any encoding of JSON.

    Raises:
        ValueError: The document is invalid, nested too deeply, has a number that a float cannot
            hold and that would not be JSON when written again, or `is_unique` is given and an
            object has a name twice.
    """
    if isinstance(document, bytes):
        document = document.decode(json.detect_encoding(document))
    try:
        return (_UNIQUE_DECODER if is_unique else _DECODER).decode(document)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def load_json(document: str | bytes) -> Any:
    """Parse `document`; None if it is not JSON."""
    with suppress(ValueError):
        return parse_json(document)
    return None


def load_data(module: str, name: str) -> Any:
    """Return the value of the package's JSON file `name`, beside a module with this `__file__`."""
    return json.loads(Path(module).with_name(name).read_text(encoding="utf-8"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text} is too large")
    return number


def _make_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"{name!r} occurs twice")
        made[name] = value
    return made


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_parse_float)
_UNIQUE_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_parse_float, object_pairs_hook=_make_object
)


def indent_json(document: bytes) -> str:
    """Indent `document`; unchanged if it is not JSON.

    Deeply nested documents, whose indentation would be many times their size, are not indented.
    """
    pieces: list[str] = []
    left = _MAX_GROWTH * len(document) + _MIN_CHARACTERS
    with suppress(ValueError, RecursionError):
        for piece in _ENCODER.iterencode(parse_json(document)):
            left -= len(piece)
            if left < 0:
                raise ValueError("nested too deeply to be indented")
            pieces.append(piece)
        return "".join(pieces)
    return document.decode("utf-8", "backslashreplace")
