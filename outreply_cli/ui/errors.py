"""From an exception to a message and an exit code."""

import json
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

from outreply_cli.errors import CalendarError, OutReplyError
from outreply_cli.times import format_duration
from outreply_cli.ui.sanitize import escape_control_json, sanitize


def error_object(error: OutReplyError) -> dict[str, Any]:
    """`error` as the contract's JSON object."""
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "status": getattr(error, "status", None),
            "hint": error.hint,
            "request_id": getattr(error, "request_id", None),
            "retry_after_seconds": getattr(error, "retry_after_seconds", None),
            "details": error.details,
        }
    }


def format_error(error: OutReplyError, *, as_json: bool) -> str:
    """What failed, why, and what to do now: three lines at most, or one JSON object.

    A calendar's problems come before them, a line each.
    """
    if as_json:
        return escape_control_json(json.dumps(error_object(error), ensure_ascii=False)) + "\n"
    lines = []
    if isinstance(error, CalendarError):
        lines = [sanitize(str(problem["text"])) for problem in error.problems]
    lines.append(f"Error: {sanitize(_sentence(error.message))}")
    lines += [f"  {sanitize(line)}" for line in (_facts(error), error.hint) if line]
    return "\n".join(lines) + "\n"


def internal_error(fault: BaseException) -> OutReplyError:
    """What is said of a fault of our own, which nobody foresaw: its kind and place."""
    last = traceback.extract_tb(fault.__traceback__)[-1:]
    place = f" at {Path(last[0].filename).name}:{last[0].lineno}" if last else ""
    error = OutReplyError(
        f"something unexpected: {type(fault).__name__}: {fault}{place}",
        hint="This is a fault of outreply; run it again with --verbose to see where.",
    )
    error.code = "UNEXPECTED"
    return error


def format_traceback(fault: BaseException) -> str:
    """The calls that led to a fault."""
    return sanitize("".join(traceback.format_exception(fault)), keep_lines=True)


def _sentence(message: str) -> str:
    # A name (an option, a field, an id) stays as it is written.
    first_word = message.split(" ", 1)[0].replace("'", "")
    return message[:1].upper() + message[1:] if first_word.isalpha() else message


def _facts(error: OutReplyError) -> str:
    status = getattr(error, "status", None)
    if status is None:
        return ""
    facts = [f"{error.code}, HTTP {status}" if error.code != f"HTTP_{status}" else error.code]
    wait = getattr(error, "retry_after_seconds", None)
    if wait is not None:
        facts.append(f"it may be tried again in {format_duration(timedelta(seconds=wait))}")
    facts += [
        f"{name.replace('_', ' ')}: {_short(value)}"
        for name, value in error.details.items()
        if isinstance(value, (str, int, float, list)) and value not in ("", [])
    ]
    request_id = getattr(error, "request_id", None)
    if request_id:
        facts.append(f"request {request_id}")
    return "; ".join(facts)


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 200 else text[:199] + "…"
