"""A plan that a person can read: grouped by day and page, local time and UTC."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from outreply_cli.bulk.plan import Action, Kind, Plan
from outreply_cli.pages import page_alias
from outreply_cli.ui.output import Output
from outreply_cli.ui.sanitize import harmless

_SIGNS = {Kind.CREATE: "+", Kind.CHANGE: "~", Kind.CANCEL: "-", Kind.KEEP: "="}
_STYLES = {Kind.CREATE: "green", Kind.CHANGE: "yellow", Kind.CANCEL: "red", Kind.KEEP: "dim"}
_WORDS = {
    Kind.CREATE: "to create",
    Kind.CHANGE: "to change",
    Kind.CANCEL: "to cancel",
    Kind.KEEP: "unchanged",
}


@dataclass(frozen=True)
class _Line:
    """A line of a plan: a styled sign, and text of which what follows `kept` may give way."""

    style: str
    sign: str
    text: str = ""
    kept: int = 0


def show_plan(
    output: Output, name: str, plan: Plan, zone: ZoneInfo, aliases: dict[str, str]
) -> None:
    """Write the plan of the calendar called `name`: what is done, and how many are left alone."""
    lines = _plan_lines(name, plan, zone, aliases)
    if not output.is_terminal:
        for line in lines:
            output.say(line.sign + line.text)
        return
    from rich.text import Text

    from outreply_cli.ui.calendar.layout import fit
    from outreply_cli.ui.tables import console_for

    console = console_for(output)
    for line in lines:
        shown = Text().append(line.sign, style=line.style)
        room = max(12, output.width - len(line.sign) - line.kept)
        text = line.text[: line.kept] + fit(line.text[line.kept :], room)
        console.print(shown.append(text), soft_wrap=True)


def plan_summary(plan: Plan) -> str:
    """`12 to create, 1 to change, 3 unchanged`."""
    counts = [(kind, len(plan.of_kind(kind))) for kind in Kind]
    return ", ".join(f"{count} {_WORDS[kind]}" for kind, count in counts if count) or "nothing"


def aliases_of(plan: Plan, pages: Sequence[dict[str, object]]) -> dict[str, str]:
    """How people write each page of a plan, by its id."""
    wanted = {action.page_id for action in plan.actions}
    return {
        str(page["id"]): harmless(page_alias(page)) for page in pages if str(page["id"]) in wanted
    }


def _plan_lines(name: str, plan: Plan, zone: ZoneInfo, aliases: dict[str, str]) -> Iterator[_Line]:
    yield _Line("bold", f"{harmless(name)}: {plan_summary(plan)}")
    shown = sorted(
        (action for action in plan.actions if action.kind != Kind.KEEP),
        key=lambda action: (action.instant, aliases.get(action.page_id, "")),
    )
    longest = max((len(aliases.get(a.page_id, a.page_id)) for a in shown), default=0)
    day: date | None = None
    for action in shown:
        local = action.instant.astimezone(zone)
        if local.date() != day:
            day = local.date()
            yield _Line("bold", f"{local:%a %d %b %Y} ({zone.key})")
        yield _line(action, local, aliases, min(longest, 28))
    for entry in plan.left_out[:5]:
        moment = entry.scheduled_at.astimezone(zone)
        text = f"{moment:%a %d %b %H:%M} {entry.post_id} has no row now; --prune cancels it"
        yield _Line("yellow", "  ! ", text, len(text))
    if len(plan.left_out) > 5:
        text = f"and {len(plan.left_out) - 5} more without a row; --prune cancels them"
        yield _Line("yellow", "  ! ", text, len(text))


def _line(action: Action, local: datetime, aliases: dict[str, str], page_width: int) -> _Line:
    page = aliases.get(action.page_id, action.page_id)[:page_width]
    utc = action.instant
    times = f"{local.hour:02}:{local.minute:02} {utc.hour:02}:{utc.minute:02}Z"
    start = f"{times}  {page:<{page_width}}  "
    sign = f"  {_SIGNS[action.kind]} "
    return _Line(_STYLES[action.kind], sign, start + _what(action), len(start))


def _what(action: Action) -> str:
    if action.matched is None:
        return f"{action.entry.post_id if action.entry else ''} ({action.reason})"
    message = harmless(action.matched.target.content.message or "(media)")
    return f"[{action.reason}] {message}" if action.reason else message
