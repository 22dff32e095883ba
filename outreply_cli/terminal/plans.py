"""A plan that a person can read: grouped by day and page, local time and UTC."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from outreply_cli.bulk.plan import Action, Kind, Plan
from outreply_cli.posting.page_lookup import page_alias
from outreply_cli.terminal.harmless import harmless
from outreply_cli.terminal.output import Output

_SIGNS = {Kind.CREATE: "+", Kind.CHANGE: "~", Kind.CANCEL: "-", Kind.KEEP: "="}
_STYLES = {Kind.CREATE: "green", Kind.CHANGE: "yellow", Kind.CANCEL: "red", Kind.KEEP: "dim"}
_WORDS = {
    Kind.CREATE: "to create",
    Kind.CHANGE: "to change",
    Kind.CANCEL: "to cancel",
    Kind.KEEP: "unchanged",
}


def show_plan(
    output: Output, name: str, plan: Plan, zone: ZoneInfo, aliases: dict[str, str]
) -> None:
    """Write the plan of the calendar called `name`: what is done, and how many are left alone."""
    lines = list(_plan_lines(name, plan, zone, aliases, output.width))
    if not output.is_terminal:
        for _, text in lines:
            output.say(text)
        return
    from rich.text import Text

    from outreply_cli.terminal.tables import console_for

    console = console_for(output)
    for style, text in lines:
        console.print(Text(text, style=style), soft_wrap=True)


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


def _plan_lines(
    name: str, plan: Plan, zone: ZoneInfo, aliases: dict[str, str], width: int
) -> Iterator[tuple[str, str]]:
    yield "bold", f"{harmless(name)}: {plan_summary(plan)}"
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
            yield "bold", f"{local:%a %d %b %Y} ({zone.key})"
        yield _STYLES[action.kind], _line(action, local, aliases, min(longest, 28), width)
    for entry in plan.left_out[:5]:
        moment = entry.scheduled_at.astimezone(zone)
        yield (
            "yellow",
            (f"  ! {moment:%a %d %b %H:%M} {entry.post_id} has no row now; --prune cancels it"),
        )
    if len(plan.left_out) > 5:
        yield "yellow", f"  ! and {len(plan.left_out) - 5} more without a row; --prune cancels them"


def _line(
    action: Action, local: datetime, aliases: dict[str, str], page_width: int, width: int
) -> str:
    page = aliases.get(action.page_id, action.page_id)[:page_width]
    utc = action.instant
    times = f"{local.hour:02}:{local.minute:02} {utc.hour:02}:{utc.minute:02}Z"
    start = f"  {_SIGNS[action.kind]} {times}  {page:<{page_width}}  "
    text = _what(action)
    room = max(12, width - len(start))
    return start + (text if len(text) <= room else text[: room - 1] + "…")


def _what(action: Action) -> str:
    if action.matched is None:
        return f"{action.entry.post_id if action.entry else ''} ({action.reason})"
    message = harmless(action.matched.target.content.message or "(media)")
    return f"[{action.reason}] {message}" if action.reason else message
