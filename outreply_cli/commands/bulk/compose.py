"""Composition of the texts of a calendar's rows, for the commands of `outreply bulk`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from outreply_cli.bulk.calendar import STDIN, Calendar
from outreply_cli.bulk.resolve import PlannedPost, is_relative
from outreply_cli.bulk.service import OpenCalendar, calendar_error
from outreply_cli.cli.options import Yes, switch
from outreply_cli.commands.bulk.github_actions import annotate_problems
from outreply_cli.commands.bulk.shared import BulkContext, collect_errors, save_edited
from outreply_cli.commands.composition import ComposeOptions, show_text
from outreply_cli.context import Context
from outreply_cli.errors import CalendarError
from outreply_cli.formats.csv import escape_formula
from outreply_cli.pages import page_alias

if TYPE_CHECKING:
    from outreply_cli.posts.composer import Composer


@dataclass(frozen=True, kw_only=True)
class RowComposeOptions(ComposeOptions):
    """The options of a program that composes the texts of rows without one."""

    write_back: Annotated[
        bool | None,
        switch(
            "Write composed texts into the calendar file (default: ask on a terminal; "
            "--no-write-back: never).",
            "--write-back/--no-write-back",
        ),
    ] = None
    yes: Yes = False


def compose_rows(
    bulk: BulkContext, calendars: Sequence[Calendar], options: RowComposeOptions
) -> None:
    """Compose the texts of rows without one, and write them into their files or the journal.

    Raises:
        CalendarError: A calendar has errors, or the program composed no text that can be sent.
        InvalidInputError: The user declined the texts, or cannot be asked.
    """
    context = bulk.context
    composer = options.make_composer(context, bulk.client, yes=options.yes)
    if composer is None:
        return
    try:
        opened = collect_errors(calendars, bulk.service.open)
        # All calendars are checked before the first text is composed.
        wanted = [(item, bulk.service.find_uncomposed(item)) for item in opened]
        composed = [
            (item, _compose(bulk, item, posts, composer)) for item, posts in wanted if posts
        ]
    except CalendarError as error:
        annotate_problems(context, error.problems)
        raise
    count = sum(len(texts) for _, texts in composed)
    if not count:
        return
    for item, texts in composed:
        for index, text in texts.items():
            post = item.posts[index]
            title = f"{item.calendar.file_name}:{post.row.line}: {page_alias(post.page)}"
            show_text(context, title, text)
    context.confirm(f"Use {'this text' if count == 1 else f'these {count} texts'}?",
                    yes=options.yes)  # fmt: skip
    for item, texts in composed:
        written = _write_back(context, item, texts, options)
        kept = {index: text for index, text in texts.items() if index not in written}
        bulk.service.keep_texts(item, kept)


def _compose(
    bulk: BulkContext, opened: OpenCalendar, posts: Mapping[int, PlannedPost], composer: "Composer"
) -> dict[int, str]:
    """Return the texts of posts by index; raises CalendarError."""
    from outreply_cli.posts.composer import CompositionError

    calendar, now = opened.calendar, bulk.client.now()
    utc = ZoneInfo("UTC")
    reason = "is relative to the day of the run; to be composed, the row needs a date"
    problems = [
        post.row.diagnostic("scheduled_at", f"{post.row.scheduled_at!r} {reason}")
        for post in posts.values()
        if is_relative(calendar, post.row.scheduled_at, utc, now)
    ]
    if problems:
        raise calendar_error(problems)
    texts: dict[int, str] = {}
    for number, (index, post) in enumerate(posts.items(), start=1):
        if len(posts) > 1:
            bulk.context.info(f"Composing text {number} of {len(posts)}.")
        try:
            texts[index] = composer.compose(
                "post", post.page, scheduled_at=post.scheduled_at, link=post.row.content.link,
                row=_describe_row(calendar, post),
            )  # fmt: skip
        except CompositionError as error:
            raise calendar_error([post.row.diagnostic("message", error.message)]) from None
    checked = opened.with_texts(texts)
    lines = {posts[index].row.line for index in texts}
    problems = [problem for problem in checked.problems if problem.line in lines]
    for problem in problems:
        if problem.is_warning:
            bulk.context.warn(problem.text)
    if not all(problem.is_warning for problem in problems):
        raise calendar_error(problems)
    return texts


def _describe_row(calendar: Calendar, post: PlannedPost) -> dict[str, Any]:
    """Return the columns of a row, including those that are not fields, or its fields."""
    row, content = post.row, post.row.content
    if calendar.header:
        cells = zip(calendar.header, calendar.records.get(row.line, ()), strict=False)
        return {name: cell for name, cell in cells if cell.strip()}
    fields = {
        "key": row.key,
        "page": list(row.pages),
        "scheduled_at": row.scheduled_at,
        "timezone": row.timezone,
        "media_files": [path.name for path in row.media_files],
        **content._asdict(),
    }
    return {name: value for name, value in fields.items() if value}


def _write_back(
    context: Context, opened: OpenCalendar, texts: Mapping[int, str], options: RowComposeOptions
) -> frozenset[int]:
    """Write texts into their file if the user wants that, and return the indexes of those written.

    A row with several pages has one cell, and a spreadsheet evaluates a text that looks like a
    formula: such texts are left to the journal.
    """
    calendar = opened.calendar
    if options.write_back is False or calendar.source == STDIN:
        return frozenset()
    if options.write_back is None and (options.yes or not context.is_interactive):
        return frozenset()
    from outreply_cli.bulk.write_back import write_texts

    posts = Counter(post.row.line for post in opened.posts)
    by_line = {
        opened.posts[index].row.line: text
        for index, text in texts.items()
        if posts[opened.posts[index].row.line] == 1
        and not (calendar.header and escape_formula(text) != text)
    }
    edited = write_texts(calendar, by_line) if by_line else None
    name = calendar.file_name
    if edited is None:
        context.info(f"The texts cannot be written into {name}; the journal keeps them.")
        return frozenset()
    noun, question = f"text{'s' * (len(by_line) > 1)}", ""
    if options.write_back is None:
        question = f"Write the {noun} into {name}? Otherwise, the journal keeps them."
    if not save_edited(context, edited, "texts", question):
        return frozenset()
    for attribute in ("rows", "problems", "header", "records"):
        setattr(calendar, attribute, getattr(edited.calendar, attribute))
    context.info(f"Wrote {len(by_line)} {noun} into {name}.")
    return frozenset(index for index in texts if opened.posts[index].row.line in by_line)
