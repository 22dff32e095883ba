"""Error messages: for people in three lines, for programs as a JSON object."""

import json
import traceback
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from outreply_cli.errors import CalendarError, OutReplyError
from outreply_cli.formats.sanitize import escape_control_json, sanitize
from outreply_cli.times import format_duration
from outreply_cli.ui.fields import as_text

_MAX_DETAIL_LENGTH = 200
_MAX_EQUAL_PROBLEMS = 5


class InternalError(OutReplyError):
    """A bug in outreply."""

    code = "INTERNAL_ERROR"


def format_error(error: OutReplyError, *, as_json: bool) -> str:
    """Format the failure, its cause and the next step in three lines, or as a JSON object.

    The problems of a calendar come first, one per line.
    """
    if as_json:
        item = {
            "code": error.code,
            "message": error.message,
            "status": getattr(error, "status", None),
            "hint": error.hint,
            "request_id": getattr(error, "request_id", None),
            "retry_after_seconds": getattr(error, "retry_after_seconds", None),
            "details": error.details | ({"maybe_applied": True} if error.maybe_applied else {}),
        }
        return escape_control_json(json.dumps({"error": item}, ensure_ascii=False)) + "\n"
    lines = []
    if isinstance(error, CalendarError):
        lines = [sanitize(text) for text in merge_problems(error.problems)]
    lines.append(f"Error: {sanitize(_capitalize(error.message))}")
    lines += [f"  {sanitize(line)}" for line in (_reason(error), error.hint) if line]
    return "\n".join(lines) + "\n"


def merge_problems(problems: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the texts of problems; many that differ only in their line are merged."""
    kinds = [(problem["file"], problem["field"], problem["message"]) for problem in problems]
    lines: dict[tuple[Any, ...], list[int]] = {}
    for kind, problem in zip(kinds, problems, strict=True):
        lines.setdefault(kind, []).append(problem["line"])
    texts = []
    for kind, problem in zip(kinds, problems, strict=True):
        equal = lines[kind]
        if len(equal) <= _MAX_EQUAL_PROBLEMS:
            texts.append(str(problem["text"]))
        elif equal[0] == problem["line"]:
            others = ", ".join(map(str, equal[1:_MAX_EQUAL_PROBLEMS]))
            more = len(equal) - _MAX_EQUAL_PROBLEMS
            texts.append(f"{problem['text']} (also on lines {others} and {more} more)")
    return texts


def internal_error(error: BaseException) -> InternalError:
    """The error that reports an unexpected exception, with its type and location."""
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    location = f" at {Path(frames[0].filename).name}:{frames[0].lineno}" if frames else ""
    return InternalError(
        f"internal error: {type(error).__name__}: {error}{location}",
        hint="This is a bug in outreply. Please report it with the output of --verbose.",
    )


def format_traceback(error: BaseException) -> str:
    """The traceback of an exception."""
    return sanitize("".join(traceback.format_exception(error)), keep_lines=True)


def _capitalize(message: str) -> str:
    # An option, a field or an ID keeps its spelling.
    first_word = message.split(" ", 1)[0].replace("'", "").removesuffix(":")
    return message[:1].upper() + message[1:] if first_word.isalpha() else message


def _reason(error: OutReplyError) -> str:
    status = getattr(error, "status", None)
    if status is None:
        return ""
    parts = [f"{error.code}, HTTP {status}" if error.code != f"HTTP_{status}" else error.code]
    retry_after = getattr(error, "retry_after_seconds", None)
    if retry_after is not None and not getattr(error, "requires_other_time", False):
        parts.append(f"retry in {format_duration(timedelta(seconds=retry_after))}")
    parts += [
        f"{name.replace('_', ' ')}: {_shorten(value)}"
        for name, value in error.details.items()
        if isinstance(value, (str, int, float, list)) and value not in ("", [])
    ]
    request_id = getattr(error, "request_id", None)
    if request_id:
        parts.append(f"request {request_id}")
    return "; ".join(parts)


def _shorten(value: Any) -> str:
    text = ", ".join(map(as_text, value)) if isinstance(value, list) else as_text(value)
    return text if len(text) <= _MAX_DETAIL_LENGTH else text[: _MAX_DETAIL_LENGTH - 1] + "…"
