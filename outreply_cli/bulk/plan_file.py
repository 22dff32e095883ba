"""Saved plans, and how the current plan differs from one."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from outreply_cli.bulk.plan import Action, ActionType
from outreply_cli.bulk.service import PlannedCalendar
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import decode_text
from outreply_cli.storage.files import write_file
from outreply_cli.timestamps import format_timestamp, parse_timestamp

_VERSION = 1
_TITLE = "# An outreply plan for review."
_HEAD = f"""\
{_TITLE} Apply it with: outreply bulk apply {{name}}
# `bulk apply` refuses it if the calendar file, the account or the time requires another plan,
# or if one of its posts was cancelled.
"""
_MAX_SHOWN = 5


class StalePlanError(InvalidInputError):
    """A saved plan that is out of date."""

    code = "PLAN_DRIFT"

    def __init__(self, differences: Sequence[str]) -> None:
        hidden = len(differences) - _MAX_SHOWN
        more = f"; and {hidden} more" if hidden > 0 else ""
        super().__init__(
            f"this plan is out of date: {'; '.join(differences[:_MAX_SHOWN])}{more}",
            hint="Nothing was sent. Make and review a new plan: outreply bulk plan FILE -o PLAN",
            details={"differences": list(differences)},
        )


@dataclass(frozen=True)
class SavedPlan:
    """A saved plan, made at `made_at`; `digest` is the SHA-256 of its calendar file."""

    calendar: str
    digest: str
    account: str
    options: dict[str, Any]
    steps: list[dict[str, Any]]
    made_at: datetime


def serialize_action(action: Action) -> dict[str, Any]:
    """Return an action as a plan file shows it."""
    day = action.post.series_day if action.post is not None else None
    step = {
        "action": action.kind.value,
        "line": action.line,
        "key": action.key,
        "occurrence": None if day is None else day.isoformat(),
        "page_id": action.page_id,
        "scheduled_at": format_timestamp(action.scheduled_at),
        "message": action.message if action.post is not None else None,
        "digest": action.draft.fingerprint if action.draft is not None else None,
        "post_id": action.post_id,
        "unknown": action.unresolved or None,
    }
    return {name: value for name, value in step.items() if value is not None}


def save_plan(
    path: Path, planned: PlannedCalendar, options: Mapping[str, Any], *, now: datetime
) -> None:
    """Write the plan of a calendar, made at `now`, to `path`; raises StorageError."""
    import yaml

    calendar, plan = planned.calendar.path, planned.plan
    document = {
        "version": _VERSION,
        "calendar": str(calendar),
        "calendar_sha256": file_digest(calendar),
        "account": planned.account.fingerprint,
        "made_at": format_timestamp(now),
        "options": {name: value for name, value in options.items() if value is not None},
        "summary": {kind.value: len(plan.filter_actions(kind)) for kind in ActionType},
        "steps": [serialize_action(action) for action in plan.actions],
    }
    text = _HEAD.format(name=path.name) + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=100
    )
    write_file(path, text)


def is_plan(content: bytes) -> bool:
    """Return whether a file starts as `save_plan` writes it."""
    return content.startswith(_TITLE.encode())


def load_plan(path: Path) -> SavedPlan:
    """Load a saved plan; raises InvalidInputError."""
    import yaml

    from outreply_cli.bulk.yaml_reader import DocumentTooComplexError, reject_yaml_bombs

    try:
        text = decode_text(path.read_bytes())
        reject_yaml_bombs(text)
        document = yaml.safe_load(text)
        if document["version"] != _VERSION:
            raise InvalidInputError(f"the plan {path} was written by another version of outreply")
        return SavedPlan(
            calendar=str(document["calendar"]),
            digest=str(document["calendar_sha256"]),
            account=str(document["account"]),
            options=dict(document["options"] or {}),
            steps=[dict(step) for step in document["steps"] or []],
            made_at=parse_timestamp(document["made_at"]),
        )
    except OSError as failure:
        raise InvalidInputError(f"cannot read the plan {path}: {failure.strerror}") from None
    # A value that does not match its YAML tag makes the loader fail in many ways.
    except (
        yaml.YAMLError, DocumentTooComplexError, ValueError, ArithmeticError, LookupError,
        AttributeError, TypeError, RecursionError,
    ):  # fmt: skip
        raise InvalidInputError(
            f"{path} is not an outreply plan",
            hint="Create one with: outreply bulk plan FILE -o PLAN",
        ) from None


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file; raises InvalidInputError."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as failure:
        raise InvalidInputError(f"cannot read the calendar {path}: {failure.strerror}") from None


def locate_calendar(saved: SavedPlan, plan: Path) -> Path:
    """Return the calendar of a saved plan: at its path, or next to the plan file.

    Raises:
        InvalidInputError: The calendar is at neither path.
    """
    path = Path(saved.calendar)
    for candidate in (path, plan.parent / path.name):
        if candidate.exists():
            return candidate
    raise InvalidInputError(
        f"the calendar of the plan was not found: {path}",
        hint=f"Put {path.name} into the directory of the plan.",
    )


def find_drift(
    saved: SavedPlan,
    planned: PlannedCalendar,
    calendar: Path,
    applied: Collection[str],
    *,
    now: datetime,
) -> Iterator[str]:
    """Yield the differences between a saved plan and the current one of the calendar file.

    A step that is already applied is not a difference: a row that is in sync, or a post that was
    cancelled, whose ID is then in `applied`. Neither is a post of a series that is past.
    """
    if saved.account != planned.account.fingerprint:
        yield "the plan was created for another account"
        return
    if saved.digest != file_digest(calendar):
        yield f"{calendar} was edited"
    before = _by_row(saved.steps)
    after = _by_row([serialize_action(action) for action in planned.plan.actions])
    for row in dict.fromkeys([*before, *after]):
        if row not in after:
            scheduled_at = str(before[row].get("scheduled_at"))
            is_past = "occurrence" in before[row] and scheduled_at <= format_timestamp(now)
            if not is_past and str(before[row].get("post_id")) not in applied:
                yield f"{_describe(before[row])} was removed"
        elif row not in before:
            yield f"{_describe(after[row])} is new"
        elif before[row] != after[row] and not _is_applied(before[row], after[row]):
            yield f"{_describe(after[row])}: {_describe_change(before[row], after[row])}"


def _is_applied(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether a row is as the plan wanted it, or as an interrupted run left it."""
    wanted = ("digest", "scheduled_at", "page_id", "key", "unknown")
    if any(before.get(name) != now.get(name) for name in wanted):
        return False
    # A change that cancelled the old post, and was interrupted, is a creation now.
    actions = before.get("action"), now.get("action")
    return actions[1] == "keep" or actions[0] == actions[1] or actions == ("change", "create")


def _by_row(steps: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        f"{step['line']}@{step['page_id']}@{step.get('occurrence', '')}"
        if "line" in step
        else _describe(step): step
        for step in steps
    }


def _describe(step: Mapping[str, Any]) -> str:
    if "line" in step:
        occurrence = f" ({step['occurrence']})" if "occurrence" in step else ""
        return f"line {step['line']}{occurrence}"
    return f"post {step['post_id']}" if "post_id" in step else f"a post of page {step['page_id']}"


def _describe_change(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if now.get("unknown"):
        return "the row may already be scheduled; resolve it with: outreply bulk reconcile FILE"
    return ", ".join(
        f"{name.replace('_', ' ')} was {before.get(name, 'empty')!r} and is now "
        f"{now.get(name, 'empty')!r}"
        for name in ("action", "scheduled_at", "post_id", "message", "digest")
        if before.get(name) != now.get(name)
    )
