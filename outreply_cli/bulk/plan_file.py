"""A plan saved for review, and the differences that forbid carrying it out."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outreply_cli.bulk.plan import Action, ActionType, Plan
from outreply_cli.errors import InvalidInputError, StorageError
from outreply_cli.timestamps import format_timestamp

_VERSION = 1
_HEAD = """\
# A plan of outreply, for review. Carry it out with: outreply bulk apply {name}
# It is refused when the calendar file, the account or the clock have moved on since.
"""


class PlanDriftError(InvalidInputError):
    """What a plan was made from has changed since."""

    code = "PLAN_DRIFT"


@dataclass(frozen=True)
class SavedPlan:
    """A plan as it was saved.

    Attributes:
        calendar: The calendar file's path, relative to the plan's where it can be.
        digest: Of the calendar file.
        account: As the journal calls it.
        options: What the plan was made with, by option name.
        steps: One for each action, as `serialize_action` makes them.
    """

    calendar: str
    digest: str
    account: str
    options: dict[str, Any]
    steps: list[dict[str, Any]]


def serialize_action(action: Action) -> dict[str, Any]:
    """An action as a plan file shows it: enough to read it, and to see that it is the same."""
    step: dict[str, Any] = {"action": action.kind.value}
    if action.matched is not None:
        row = action.matched.target.row
        step |= {"line": row.line, "key": row.key}
    step |= {"page_id": action.page_id, "scheduled_at": format_timestamp(action.instant)}
    if action.matched is not None:
        step |= {"message": action.matched.target.content.message, "digest": action.matched.digest}
    if action.entry is not None:
        step["post_id"] = action.entry.post_id
    return {name: value for name, value in step.items() if value is not None}


def save_plan(
    path: Path, calendar: Path, account: str, options: Mapping[str, Any], plan: Plan
) -> None:
    """Write `plan` to `path`; raises StorageError."""
    import yaml

    document = {
        "version": _VERSION,
        "calendar": str(calendar),
        "calendar_sha256": file_digest(calendar),
        "account": account,
        "options": {name: value for name, value in options.items() if value is not None},
        "summary": {kind.value: len(plan.of_kind(kind)) for kind in ActionType},
        "steps": [serialize_action(action) for action in plan.actions],
    }
    text = _HEAD.format(name=path.name) + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=100
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as failure:
        raise StorageError(f"the plan {path} can't be written: {failure.strerror}") from None


def load_plan(path: Path) -> SavedPlan:
    """Read a plan; raises InvalidInputError when it is none."""
    import yaml

    from outreply_cli.bulk.yaml_reader import DocumentTooComplexError, reject_yaml_bombs

    try:
        text = path.read_text(encoding="utf-8")
        reject_yaml_bombs(text)
        read = yaml.safe_load(text)
        if read["version"] != _VERSION:
            raise InvalidInputError(f"the plan {path} was written by another version of outreply")
        return SavedPlan(
            calendar=str(read["calendar"]),
            digest=str(read["calendar_sha256"]),
            account=str(read["account"]),
            options=dict(read["options"] or {}),
            steps=[dict(step) for step in read["steps"] or []],
        )
    except OSError as failure:
        raise InvalidInputError(f"the plan {path} can't be read: {failure.strerror}") from None
    # A value that is not of the kind that a tag claims fails as its reader happens to fail.
    except (
        yaml.YAMLError, DocumentTooComplexError, ValueError, ArithmeticError, LookupError,
        AttributeError, TypeError, RecursionError,
    ):  # fmt: skip
        raise InvalidInputError(
            f"the file {path} is no plan of outreply",
            hint="Make one with: outreply bulk plan FILE -o PLAN",
        ) from None


def file_digest(path: Path) -> str:
    """The SHA-256 of a file; raises InvalidInputError when it can't be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as failure:
        raise InvalidInputError(f"the calendar {path} can't be read: {failure.strerror}") from None


def check_drift(saved: SavedPlan, account: str, plan: Plan) -> None:
    """Compare a saved plan with what would be planned now.

    Raises:
        PlanDriftError: They differ; each difference is named.
    """
    differences = list(_differences(saved, account, plan))
    if differences:
        shown = "; ".join(differences[:5])
        more = f"; and {len(differences) - 5} more" if len(differences) > 5 else ""
        raise PlanDriftError(
            f"the plan does not hold any more: {shown}{more}",
            hint="Nothing was sent. Make and review a new one: outreply bulk plan FILE -o PLAN",
            details={"differences": differences},
        )


def _differences(saved: SavedPlan, account: str, plan: Plan) -> Iterator[str]:
    if saved.account != account:
        yield "it was made for another account"
        return
    if saved.digest != file_digest(Path(saved.calendar)):
        yield f"{saved.calendar} was edited"
    before, now = (
        _by_row(saved.steps),
        _by_row([serialize_action(action) for action in plan.actions]),
    )
    for name in [*before, *(name for name in now if name not in before)]:
        if name not in now:
            yield f"{_called(before[name])} is not in it any more"
        elif name not in before:
            yield f"{_called(now[name])} is new"
        elif before[name] != now[name]:
            yield f"{_called(now[name])}: {_change(before[name], now[name])}"


def _by_row(steps: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        f"{step['line']}@{step['page_id']}" if "line" in step else str(step.get("post_id")): step
        for step in steps
    }


def _called(step: Mapping[str, Any]) -> str:
    if "line" in step:
        return f"line {step['line']}"
    return f"the post {step.get('post_id')}"


def _change(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    changed = [
        f"{name.replace('_', ' ')} was {before.get(name)!r} and is {now.get(name)!r}"
        for name in ("action", "scheduled_at", "post_id", "message", "digest")
        if before.get(name) != now.get(name)
    ]
    return ", ".join(changed)
