"""`outreply bulk check`."""

from collections.abc import Sequence
from typing import Annotated, Any

from outreply_cli.cli.options import command, switch
from outreply_cli.commands.bulk.github_actions import annotate_problems
from outreply_cli.commands.bulk.options import Files, ReadOptions
from outreply_cli.commands.bulk.shared import load_calendars
from outreply_cli.commands.composition import ComposeWith
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sanitize import sanitize
from outreply_cli.ui.errors import merge_problems


class CheckFailedError(InvalidInputError):
    """A checked calendar has errors."""

    code = "INVALID_CALENDAR"


@command(api=False)
def run(
    context: Context,
    files: Files,
    strict: Annotated[bool, switch("Treat warnings as errors.")] = False,
    *,
    compose_with: ComposeWith = None,
    reading: ReadOptions,
) -> None:
    """Check calendar files without an account or network.

    Prints each problem as FILE:LINE, and exits with 2 if there are errors. It checks times, texts,
    media files, URLs, keys, platform rules, and the guardrails of pages within each file,
    but cannot know whether a page exists or what is already scheduled: `bulk schedule --dry-run`
    does. Rows in the past are skipped, and times may be more than 75 days ahead. With
    --compose-with, rows may have no text; the program is not run.

    Example: outreply bulk check launch.csv

    Example: outreply bulk check launch.csv --strict --json
    """
    from outreply_cli.bulk.offline import check_offline

    options, composes = reading.to_options(context), compose_with is not None
    calendars = load_calendars(context, files, reading)
    now = context.clock.now()
    checks = [
        check_offline(calendar, zone=options.zone, now=now, rules=options.rules, composes=composes)
        for calendar in calendars
    ]
    problems = [
        {
            **problem.to_dict(),
            "severity": "warning" if problem.is_warning and not strict else "error",
        }
        for check in checks
        for problem in check.problems
    ]
    errors = [problem for problem in problems if problem["severity"] == "error"]
    warnings = [problem for problem in problems if problem["severity"] == "warning"]
    _show(context, problems)
    annotate_problems(context, errors)
    annotate_problems(context, warnings, level="warning")
    if errors:
        count = f"{len(errors)} problem{'s' * (len(errors) != 1)}"
        names = ", ".join(dict.fromkeys(problem["file"] for problem in errors))
        raise CheckFailedError(
            f"{count} in {names}", hint="Correct the file and run the command again."
        )
    rows = sum(len(calendar.rows) for calendar in calendars)
    past = sum(check.past_rows for check in checks)
    skipped = f"; skipped {past} in the past" if past else ""
    composed = sum(check.composed_rows for check in checks)
    if composed:
        context.info(
            f"{composed} row{'s have' if composed > 1 else ' has'} no text; `bulk schedule "
            f"--compose-with` composes {'them' if composed > 1 else 'it'}."
        )
    context.info(f"Checked {rows - past} row{'s' * (rows - past != 1)}{skipped}.")


def _show(context: Context, problems: Sequence[dict[str, Any]]) -> None:
    if context.options.output != "table":
        context.output.print_data(problems)
        return
    # --quiet leaves out the output, but not the reason of an error.
    for text in merge_problems([{**problem, "text": _text(problem)} for problem in problems]):
        # Text with line breaks could inject commands of the runner that shows it.
        line = sanitize(text)
        if context.options.quiet:
            context.echo_err(f"{line}\n")
        else:
            context.output.print_line(line)


def _text(problem: dict[str, Any]) -> str:
    text = str(problem["text"])
    if problem["severity"] == "error":
        return text
    location = f"{problem['file']}:{problem['line']}: "
    return f"{location}warning: {text.removeprefix(location)}"
