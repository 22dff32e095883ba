"""`outreply bulk reconcile`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

from outreply_cli.api.client import post_time
from outreply_cli.api.types import Post
from outreply_cli.bulk.reconciliation import AmbiguousRow, Pairs
from outreply_cli.bulk.service import BulkService
from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.bulk.options import File, ReadOptions, WaitLock
from outreply_cli.commands.bulk.shared import bulk_context, load_calendars
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, PartialFailureError, malformed_value_error
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.pages import page_alias
from outreply_cli.times import format_time
from outreply_cli.timestamps import format_timestamp

_YES_HINT = "--yes accepts unambiguous pairs. "
_HELD_HINT = (
    "To decide a row, use --pair LINE=POST or --new LINE; --separate POST says that no row has "
    "that post."
)


class _Outcome(NamedTuple):
    """The outcome of an ambiguous row: `pair`, `new` or `hold`, with the ID of its post."""

    item: AmbiguousRow
    action: str
    post_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class DecisionOptions:
    """The options that decide which post belongs to which row."""

    pair: Annotated[
        list[str] | None,
        option("LINE=POST", "Use this post for the row on this line (repeatable)."),
    ] = None
    separate: Annotated[
        list[str] | None, option("POST", "Do not pair this post with any row (repeatable).")
    ] = None
    new: Annotated[
        list[int] | None,
        option("LINE", "Schedule the row on this line as a new post (repeatable)."),
    ] = None
    yes: Annotated[bool, switch("Accept unambiguous pairs.", "--yes", "-y")] = False

    def parse_pairs(self) -> dict[str, int]:
        """Return the lines of `--pair` by the IDs of their posts; raises InvalidInputError."""
        parsed: dict[str, int] = {}
        for text in self.pair or ():
            line, equals, post_id = (part.strip() for part in text.partition("="))
            if not equals or not line.isdecimal() or not post_id:
                raise malformed_value_error(
                    "--pair", text, "LINE=POST", hint="For example: --pair 12=68a1b2"
                )
            if post_id in parsed:
                raise InvalidInputError(f"--pair: post {post_id} is named twice")
            parsed[post_id] = int(line)
        return parsed

    def find_chosen(self, pairs: Pairs, service: BulkService) -> dict[str, str]:
        """Return the ID of the post that `--pair` names for a row, by the row's name.

        Raises:
            InvalidInputError: A line has no ambiguous row, or a post does not match its row.
        """
        named = self.parse_pairs()
        lines = {item.row.post.row.line for item in pairs.rows}
        for flag, wanted in (("--pair", {*named.values()}), ("--new", {*(self.new or ())})):
            for line in sorted(wanted - lines):
                raise InvalidInputError(
                    f"{flag}: no row on line {line} has an unknown outcome",
                    hint="Without the option, the command lists the rows whose outcome is unknown.",
                )
        candidates = {str(post["id"]) for item in pairs.rows for post in item.ambiguity.candidates}
        for post_id in sorted({*(self.separate or ())} - candidates):
            raise InvalidInputError(
                f"--separate: post {post_id} is not similar to a row whose outcome is unknown",
                hint="Without the option, the command lists these rows and their posts.",
            )
        chosen: dict[str, str] = {}
        for post_id, line in named.items():
            post = pairs.posts.get(post_id) or service.fetch_unclaimed(post_id)
            rows = [
                item.row.draft.row
                for item in pairs.rows
                if item.row.post.row.line == line
                and post is not None
                and (
                    post in item.ambiguity.candidates
                    or post.get("page_id") == item.row.post.page_id
                )
            ]
            if post is None or not rows:
                raise InvalidInputError(
                    f"--pair: post {post_id} is not an unpaired post on this row's page",
                    hint="List the posts with: outreply posts list",
                )
            pairs.posts[post_id] = post
            chosen[rows[0]] = post_id
        return chosen


@command()
def run(
    context: Context,
    file: File,
    *,
    dry_run: Annotated[bool, switch("Show the pairs without recording anything.")] = False,
    decisions: DecisionOptions,
    reading: ReadOptions,
    wait_lock: WaitLock = "30s",
) -> None:
    """Pair rows whose outcome is unknown with existing posts.

    A post with the same page, time and text as a row is paired automatically. A post with the same
    page and time, or with nearly the same text, requires a confirmation; --yes confirms unambiguous
    pairs. Nothing is sent, except to resolve requests of an interrupted run and to cancel the
    superseded post of a changed row.

    Example: outreply bulk reconcile launch.csv --dry-run

    Example: outreply bulk reconcile launch.csv --yes
    """
    # Before any request.
    decisions.parse_pairs()
    # Identical posts are also shown as pairs, and a text may still have to be composed.
    options = replace(reading.to_options(context), adopt=False, composes=True)
    calendars = load_calendars(context, [file], reading)
    lock = None if dry_run else wait_lock
    with bulk_context(context, options, calendars, wait_lock=lock) as bulk:
        (opened,) = bulk.open_calendars(calendars)
        pairs = bulk.service.find_pairs(opened, dry_run=dry_run)
        chosen = decisions.find_chosen(pairs, bulk.service)
        outcomes = list(_decide(context, pairs, decisions, chosen, dry_run=dry_run))
        if not dry_run:
            _record(bulk.service, outcomes, pairs, decisions)
    _print(context, file, bulk.service, outcomes, pairs.resolved)
    for row, post in pairs.leftovers:
        context.warn(
            f"{file}:{row.post.row.line}: post {post['id']} is similar to this row but is not "
            "paired with any row. To cancel an outdated version: "
            f"outreply posts cancel {post['id']}"
        )
    if dry_run:
        context.info("Dry run: nothing was recorded.")
        return
    held = [outcome for outcome in outcomes if outcome.action == "hold"]
    if held:
        raise PartialFailureError(
            f"{len(held)} of {len(outcomes)} rows remain unknown",
            hint=_HELD_HINT if decisions.yes else _YES_HINT + _HELD_HINT,
            details={"lines": [outcome.item.row.post.row.line for outcome in held]},
        )


def _decide(
    context: Context,
    pairs: Pairs,
    decisions: DecisionOptions,
    chosen: Mapping[str, str],
    *,
    dry_run: bool,
) -> Iterator[_Outcome]:
    taken = {*chosen.values(), *(decisions.separate or ())}
    asks = context.is_interactive and not decisions.yes and not dry_run
    for item in pairs.rows:
        name, line = item.row.draft.row, item.row.post.row.line
        available = [post for post in item.ambiguity.candidates if str(post["id"]) not in taken]
        ids = {str(post["id"]) for post in available}
        unique = item.unique if item.unique in available else None
        if name in chosen:
            yield _Outcome(item, "pair", chosen[name])
        elif line in (decisions.new or ()):
            yield _Outcome(item, "new")
        elif decisions.separate and item.ambiguity.candidates and ids <= {item.row.post_id}:
            # All other candidates were rejected: the row is new, or keeps its post.
            yield _Outcome(item, "new")
        elif available and (item.ambiguity.is_exact or (decisions.yes and unique is not None)):
            post = unique or available[0]
            taken.add(str(post["id"]))
            yield _Outcome(item, "pair", str(post["id"]))
        elif asks:
            outcome = _ask(context, item, available)
            taken.update([outcome.post_id] if outcome.post_id else [])
            yield outcome
        else:
            yield _Outcome(item, "hold")


def _ask(context: Context, item: AmbiguousRow, candidates: list[Post]) -> _Outcome:
    row = item.row.post
    context.info(f"\nLine {row.row.line}, {page_alias(row.page)}: {item.ambiguity.reason}")
    context.info(f"  row   {_describe(row.scheduled_at, row.row.content.message, context)}")
    for post in candidates:
        context.info(f"  post  {_describe(post_time(post), post.get('message'), context)}")
        if context.prompt_yes_no(f"Is post {post['id']} the post of this row?"):
            return _Outcome(item, "pair", str(post["id"]))
    if context.prompt_yes_no("Schedule this row as a new post?"):
        return _Outcome(item, "new")
    return _Outcome(item, "hold")


def _record(
    service: BulkService, outcomes: list[_Outcome], pairs: Pairs, decisions: DecisionOptions
) -> None:
    for outcome in outcomes:
        row, post_id = outcome.item.row, outcome.post_id
        candidates = {str(post["id"]) for post in outcome.item.ambiguity.candidates}
        if outcome.action == "pair" and post_id is not None:
            service.pair(outcome.item, pairs.posts[post_id])
        elif outcome.action == "new":
            service.mark_new(outcome.item)
        # The other candidates of a row that is settled are not its posts.
        refused = candidates
        if outcome.action == "hold":
            refused &= {*(decisions.separate or ())}
        service.mark_separate(row, refused - {post_id})


def _print(
    context: Context, file: str, service: BulkService, outcomes: list[_Outcome], resolved: int
) -> None:
    names = {"pair": "paired", "new": "new", "hold": "unknown"}
    summary = dict.fromkeys(names.values(), 0)
    for outcome in outcomes:
        summary[names[outcome.action]] += 1
    if context.options.output != "table":
        rows = [_to_dict(file, outcome) for outcome in outcomes]
        context.output.print_report({"summary": summary, "rows": rows})
    else:
        aliases = {str(page["id"]): page_alias(page) for page in service.account.pages}
        for outcome in outcomes:
            context.output.print_line(_line(outcome, aliases, context))
    if resolved:
        requests = "1 request" if resolved == 1 else f"{resolved} requests"
        context.info(f"Resolved {requests} with an unknown outcome.")
    counts = ", ".join(f"{count} {name}" for name, count in summary.items() if count)
    context.info(f"Rows: {counts}." if counts else "No row has an unknown outcome.")


def _line(outcome: _Outcome, aliases: dict[str, str], context: Context) -> str:
    row = outcome.item.row
    start = f"line {row.post.row.line}  {sanitize(aliases.get(row.post.page_id, row.post.page_id))}"
    when = format_time(row.post.scheduled_at, context.zone())
    match outcome.action:
        case "pair":
            text = f"paired with {outcome.post_id}"
        case "new":
            text = "new; the next bulk schedule creates it"
        case _:
            text = f"unknown: {outcome.item.ambiguity.reason}"
    lines = [f"{start}  {when}  {text}"]
    if outcome.action == "hold" or not outcome.item.ambiguity.is_exact:
        message = row.post.row.content.message
        lines.append(f"  row   {_describe(row.post.scheduled_at, message, context)}")
        lines += [
            f"  post  {_describe(post_time(post), post.get('message'), context)}  {post['id']}"
            for post in outcome.item.ambiguity.candidates
        ]
    return "\n".join(sanitize(line) for line in lines)


def _describe(at: Any, message: str | None, context: Context) -> str:
    when = format_time(at, context.zone()) if at is not None else "(no time)"
    return f"{when}  {message or '(media)'}"


def _to_dict(file: str, outcome: _Outcome) -> dict[str, Any]:
    row = outcome.item.row.post
    return {
        "file": file,
        "line": row.row.line,
        "key": row.key,
        "page_id": row.page_id,
        "scheduled_at": format_timestamp(row.scheduled_at),
        "action": outcome.action,
        "id": outcome.post_id,
        "detail": outcome.item.ambiguity.reason,
        "candidates": [
            {name: post.get(name) for name in ("id", "scheduled_at", "message")}
            for post in outcome.item.ambiguity.candidates
        ],
    }
