"""JSON as it is exchanged: what Python reads or writes beyond it is refused."""

import json
import math
from typing import Any, NoReturn


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
