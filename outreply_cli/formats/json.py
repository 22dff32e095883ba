"""JSON as it is exchanged: what Python reads or writes beyond it is refused."""

import json
import math
from contextlib import suppress
from typing import Any, NoReturn

_GROWTH = 8
_ROOM_CHARACTERS = 1_000
_INDENTING = json.JSONEncoder(ensure_ascii=False, indent=2)


def parse_json(document: str | bytes) -> Any:
    """The value that `document` holds; bytes may be in any encoding that JSON may have.

    Raises:
        ValueError: It is not JSON, nests without end, or has a number that no float can hold:
            written again, it would not be JSON.
    """
    if isinstance(document, bytes):
        document = document.decode(json.detect_encoding(document))
    try:
        return _DECODER.decode(document)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def indented(document: bytes) -> str:
    """`document` with a line for each value; as it came where that is no JSON.

    As it came also where the lines would be many times as long: what is nested deeply is mostly
    the space before it.
    """
    pieces: list[str] = []
    room = _GROWTH * len(document) + _ROOM_CHARACTERS
    with suppress(ValueError, RecursionError):
        for piece in _INDENTING.iterencode(parse_json(document)):
            room -= len(piece)
            if room < 0:
                raise ValueError("it is nested too deeply to be indented")
            pieces.append(piece)
        return "".join(pieces)
    return document.decode("utf-8", "backslashreplace")
