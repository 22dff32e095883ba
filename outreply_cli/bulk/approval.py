"""Approval of a calendar: a decision about each post, with a digest of everything that is sent.

It is a record and not a signature: the reviewer types the name, and the file can be edited. A post
that was edited after its approval is not sent.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from outreply_cli.bulk.calendar import STDIN, Calendar
from outreply_cli.bulk.plan import Action, ActionType, Plan
from outreply_cli.bulk.resolve import PlannedPost
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import parse_json
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.formats.text import TextEncodingError, decode_text
from outreply_cli.journal.models import FILES_FIELD
from outreply_cli.pages import page_alias
from outreply_cli.paths import to_path
from outreply_cli.posts.content import Diagnostic
from outreply_cli.posts.slots import NEXT_SLOT
from outreply_cli.spec.platforms import long_name
from outreply_cli.spec.text import is_unicode
from outreply_cli.timestamps import format_timestamp, parse_timestamp

FORMAT = "outreply-approval"
MAX_NAME_CHARACTERS = 200
MAX_COMMENT_CHARACTERS = 5_000
_VERSION = 1
_MAX_BYTES = 16 * 1024 * 1024
_LISTS = {"rows": True, "rejected": False}
_HASH = re.compile(r"[0-9a-f]{64}")
# The name of a row without a key: page, time, digest of the rest, and which of several equal rows.
_UNKEYED = re.compile(r"(?P<page>.*)@(?P<time>[^@#]+)#(?P<rest>[0-9a-f]{12})(?:\*\d+)?", re.DOTALL)
_UNSAFE_IN_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
_HINT = (
    "Use an unchanged file that was saved in the HTML preview, or written by: "
    "outreply bulk approve FILE"
)


class InvalidApprovalError(InvalidInputError):
    """A file that is not an approval, or not one of this calendar."""

    code = "INVALID_APPROVAL"


class RowVersion(NamedTuple):
    """A version of a row: its name on a page and the digest of all that is sent for it."""

    row: str
    digest: str


class Decision(NamedTuple):
    """Decision about a version of a row, with a comment or ""."""

    version: RowVersion
    is_approved: bool
    comment: str = ""


@dataclass(frozen=True)
class Approval:
    """The decisions of one person about a calendar, by the name of the row.

    Attributes:
        calendar: Name of the calendar that was shown.
        approved_by: Name that was typed.
        approved_at: Time in UTC, by the clock of the machine that saved it.
    """

    calendar: str
    approved_by: str
    approved_at: datetime
    decisions: Mapping[str, Decision]

    def to_json(self) -> str:
        """Return the content of an approval file."""
        lists = {
            name: [
                {"row": row, "hash": decision.version.digest, "comment": decision.comment}
                for row, decision in self.decisions.items()
                if decision.is_approved == is_approved
            ]
            for name, is_approved in _LISTS.items()
        }
        document = {
            "format": FORMAT,
            "version": _VERSION,
            "calendar": self.calendar,
            "approved_by": self.approved_by,
            "approved_at": format_timestamp(self.approved_at),
            **lists,
        }
        return json.dumps(document, ensure_ascii=False, indent=1) + "\n"

    def find_decisions(self, posts: Sequence[PlannedPost]) -> list[Decision | None]:
        """Return the decision about each post; if the post was edited, its version differs.

        A row whose key was renamed keeps its approval; None stands for a row without a decision.
        """
        versions = list(_list_versions(posts))
        known = self.decisions
        found = [
            next((known[v.row] for v in own if v.row in known and known[v.row].version == v), None)
            for own in versions
        ]
        taken = {decision.version.row for decision in found if decision is not None}
        left: dict[str, list[Decision]] = {}
        parts: dict[str, Decision] = {}
        for row, decision in known.items():
            if row not in taken:
                parts.update(dict.fromkeys(_split_name(row), decision))
                if decision.is_approved:
                    left.setdefault(decision.version.digest, []).append(decision)
        for index, own in enumerate(versions):
            if found[index] is None:
                renamed = next((left[v.digest] for v in own if left.get(v.digest)), None)
                edited = (parts.get(part) for v in own for part in _split_name(v.row))
                found[index] = renamed.pop() if renamed else next(filter(None, edited), None)
        return found


def name_versions(posts: Sequence[PlannedPost]) -> list[RowVersion]:
    """Return the row and digest of each post; equal on every machine, for every path and format."""
    return [versions[0] for versions in _list_versions(posts)]


def calendar_title(calendar: Calendar) -> str:
    """Return the name of a calendar for people: its own, or that of its file."""
    file_name = calendar.file_name.rstrip("/").rpartition("/")[2]
    return calendar.name or ("calendar" if calendar.file_name == STDIN else file_name)


def approval_file_name(calendar: Calendar) -> str:
    """Return a name for the approval of a calendar, such as `launch.approval.json`."""
    stem = calendar.name or calendar_title(calendar).rpartition(".")[0] or "calendar"
    return f"{_UNSAFE_IN_NAMES.sub('_', sanitize(stem))}.approval.json"


def is_approval(content: bytes) -> bool:
    """Return whether a file is an approval."""
    try:
        parse_approval(parse_json(decode_text(content)))
    except ValueError:
        return False
    return True


def load_approval(path: Path) -> Approval:
    """Load an approval file.

    Raises:
        InvalidApprovalError: The file cannot be read, is too large, or is not an approval.
    """
    try:
        with to_path(str(path)).open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InvalidApprovalError(f"--approved: cannot read {path}: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        message = f"{path} is not an approval file: larger than {_MAX_BYTES // 2**20} MB"
        raise InvalidApprovalError(message, hint=_HINT)
    try:
        return parse_approval(parse_json(decode_text(content)))
    except TextEncodingError as problem:
        reason = f"--approved: {path}: the file {problem}"
    except json.JSONDecodeError as problem:
        location = f"{path}:{problem.lineno}"
        reason = f"--approved: {location}: invalid JSON: {problem.msg} (column {problem.colno})"
    except ValueError as problem:
        reason = f"--approved: {path}: {problem}"
    raise InvalidApprovalError(reason, hint=_HINT)


def parse_approval(document: Any) -> Approval:
    """Return the approval in a JSON value; raises ValueError with the location and the reason."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("not an outreply approval file")
    if document.get("version") != _VERSION:
        raise ValueError("the approval is from another version of outreply")
    decisions: dict[str, Decision] = {}
    for name, is_approved in _LISTS.items():
        items = document.get(name, [])
        if not isinstance(items, list):
            raise ValueError(f"{name}: must be a list")  # noqa: TRY004 - as below
        for index, item in enumerate(items):
            decision = _parse_decision(item, f"{name}[{index}]", is_approved=is_approved)
            if decision.version.row in decisions:
                raise ValueError(f"{name}[{index}].row: duplicate {decision.version.row!r}")
            decisions[decision.version.row] = decision
    if not decisions:
        raise ValueError("the file neither approves nor rejects any post")
    approved_by = _get_text(document, "approved_by", "", MAX_NAME_CHARACTERS).strip()
    if not approved_by:
        raise ValueError("approved_by: must be the name of a person")
    try:
        approved_at = parse_timestamp(_get_text(document, "approved_at", "", 50))
    except ValueError:
        raise ValueError("approved_at: must be a time such as 2026-12-24T18:00:00Z") from None
    calendar = _get_text(document, "calendar", "", MAX_COMMENT_CHARACTERS)
    return Approval(calendar, approved_by, approved_at, decisions)


def _parse_decision(item: Any, location: str, *, is_approved: bool) -> Decision:
    if not isinstance(item, dict):
        raise ValueError(f"{location}: must be an object")  # noqa: TRY004 - as for other wrong values
    row = _get_text(item, "row", f"{location}.", MAX_COMMENT_CHARACTERS)
    digest = _get_text(item, "hash", f"{location}.", MAX_COMMENT_CHARACTERS)
    if not _HASH.fullmatch(digest):
        raise ValueError(f"{location}.hash: must be a SHA-256")
    comment = _get_text({"comment": "", **item}, "comment", f"{location}.", MAX_COMMENT_CHARACTERS)
    return Decision(RowVersion(row, digest), is_approved, comment.strip())


def _get_text(item: Mapping[str, Any], name: str, location: str, limit: int) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not is_unicode(value) or "\0" in value:
        raise ValueError(f"{location}{name}: must be text")
    if len(value) > limit:
        raise ValueError(f"{location}{name}: must have at most {limit:,} characters")
    return value


class ApprovedPlan(NamedTuple):
    """A plan that sends approved posts only.

    Attributes:
        post_ids: Posts that exist already and are as they were approved.
    """

    plan: Plan
    warnings: list[Diagnostic]
    notes: list[str]
    post_ids: list[str]


def restrict_plan(plan: Plan, approval: Approval) -> ApprovedPlan:
    """Leave out new posts that are not approved, and keep the posts of edited rows as they are.

    Nothing is cancelled while the plan has a new post that is not approved: a removed row may be
    its earlier version.
    """
    decisions = iter(_find_row_decisions(plan, approval))
    actions: list[Action] = []
    approved: list[tuple[Action, Decision]] = []
    warnings: list[Diagnostic] = []
    undecided = left_out = 0
    for action in plan.actions:
        post = action.post
        decision = next(decisions) if post is not None else None
        if decision is not None and decision.is_approved and _is_about(decision, post):
            approved.append((action, decision))
            actions.append(action)
            continue
        if post is None or action.unresolved:
            actions.append(action)
            continue
        kept = _keep_post(action)
        actions += [] if kept is None else [kept]
        left_out += kept is None
        if action.kind == ActionType.KEEP:
            continue
        if decision is None:
            undecided += 1
        else:
            warnings.append(_explain(post, decision, approval, is_new=kept is None))
    post_ids = [
        action.post_id
        for action, _ in approved
        if action.kind == ActionType.KEEP and not action.reason and action.post_id is not None
    ]
    notes = [
        f"line {action.line}, approved with a comment: {decision.comment}"
        for action, decision in approved
        if action.kind != ActionType.KEEP and decision.comment
    ]
    if undecided:
        verb = "is" if undecided == 1 else "are"
        notes.append(f"{undecided} post{'s' * (undecided > 1)} without approval {verb} skipped")
    orphaned = list(plan.orphaned)
    cancelled = [action.entry for action in actions if action.kind == ActionType.CANCEL]
    if left_out and cancelled:
        # --prune might cancel the earlier version of a row that is held.
        actions = [action for action in actions if action.kind != ActionType.CANCEL]
        orphaned += filter(None, cancelled)
        notes.append("--prune cancels nothing until every new post of the file is approved")
    restricted = replace(plan, actions=actions, orphaned=orphaned)
    return ApprovedPlan(restricted, warnings, notes, post_ids)


def _find_row_decisions(plan: Plan, approval: Approval) -> list[Decision | None]:
    """Return the decision about each row of a plan.

    A row that got a key since then already has its post: a new row without a key does not take its
    approval.
    """
    rows = [(action, action.post) for action in plan.actions if action.post is not None]
    decisions = approval.find_decisions([post for _, post in rows])
    new: dict[str, list[int]] = {}
    for index, (action, _) in enumerate(rows):
        decision = decisions[index]
        if action.kind == ActionType.CREATE and decision is not None and decision.is_approved:
            new.setdefault(decision.version.digest, []).append(index)
    for index, (action, post) in enumerate(rows if new else ()):
        if action.kind == ActionType.KEEP and decisions[index] is None:
            taken = next((new[v.digest] for v in _iter_versions(post) if new.get(v.digest)), None)
            if taken:
                other = taken.pop()
                decisions[index], decisions[other] = decisions[other], None
    return decisions


def _is_about(decision: Decision, post: PlannedPost | None) -> bool:
    """Return whether a decision is about this version of a post."""
    digest = decision.version.digest
    return post is not None and any(v.digest == digest for v in _iter_versions(post))


def _keep_post(action: Action) -> Action | None:
    """Return the action that leaves a row's scheduled post as it is; None if it has none."""
    if action.kind == ActionType.CREATE:
        return None
    old = action.entry
    if action.kind == ActionType.KEEP or old is None:
        return action
    return action._replace(
        kind=ActionType.KEEP, scheduled_at=old.scheduled_at, page_id=old.page_id, make_draft=None,
        reason="",
    )  # fmt: skip


def _explain(
    post: PlannedPost, decision: Decision, approval: Approval, *, is_new: bool
) -> Diagnostic:
    by = approval.approved_by
    if decision.is_approved:
        message = f"no longer approved: edited after {by} approved it"
    else:
        comment = f": {decision.comment}" if decision.comment else ""
        message = f"not approved by {by}{comment}"
    stays = "nothing is sent" if is_new else "the scheduled post stays as it is"
    return post.row.diagnostic("", f"{message} ({stays})", is_warning=True)


def _list_versions(posts: Sequence[PlannedPost]) -> Iterator[list[RowVersion]]:
    """Yield the versions of each post, one for each name of its page; equal rows are counted."""
    counts: Counter[str] = Counter()
    for post in posts:
        versions = list(_iter_versions(post))
        counts.update(version.row for version in versions)
        yield [
            version._replace(row=f"{version.row}*{counts[version.row]}")
            if counts[version.row] > 1
            else version
            for version in versions
        ]


def _iter_versions(post: PlannedPost) -> Iterator[RowVersion]:
    time = NEXT_SLOT if post.takes_slot else format_timestamp(post.scheduled_at)
    for page in _page_names(post):
        body = post.row.content.body(page)
        if post.media_files:
            body[FILES_FIELD] = [file.sha256 for file in post.media_files]
        digest = _digest({**body, "scheduled_at": time})
        name = f"key:{post.key}@{page}" if post.key else f"{page}@{time}#{_digest(body)[:12]}"
        # As the HTML preview shows and saves it.
        yield RowVersion(sanitize(name), digest)


def _page_names(post: PlannedPost) -> list[str]:
    """Return what a file may call the page of a post, with and without an account.

    New approvals use the first one.
    """
    given = [name.strip() for text in post.row.pages for name in text.split(",")]
    own = {str(post.page.get("name") or ""), long_name(post.platform)}
    names = [long_name(page_alias(post.page)), post.page_id]
    names += [
        name
        for name in given
        if len(given) == 1 or long_name(name) in own or post.page_id.startswith(name)
    ]
    return list(dict.fromkeys(name.lower() for name in names if name))


def _split_name(row: str) -> Iterator[str]:
    """Yield what a row keeps when it is edited: its key, or its time, or all but its time."""
    match = None if row.startswith("key:") else _UNKEYED.fullmatch(row)
    if match is None:
        yield row
    else:
        yield f"{match['page']}@{match['time']}"
        yield f"{match['page']}#{match['rest']}"


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
