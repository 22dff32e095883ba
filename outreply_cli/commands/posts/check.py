"""`outreply posts check`."""

from collections.abc import Iterator
from typing import Annotated, Any

from outreply_cli.cli.options import command, option
from outreply_cli.commands.posts.options import (
    ContentOptions,
    check_exclusive,
    describe_problem,
    report_problems,
)
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, unknown_choice_error
from outreply_cli.pages import Page, resolve_page
from outreply_cli.posts.content import PostContent, evaluate_content, validate_content
from outreply_cli.posts.user_rules import load_rules
from outreply_cli.spec.platform_rules import RuleSet
from outreply_cli.spec.platforms import PLATFORM_NAMES, find_platform, platform_label
from outreply_cli.spec.rule_kinds import Media
from outreply_cli.ui.columns import Column

_STYLES = {"error": "red", "warning": "yellow", "unknown": "dim"}


class BrokenRulesError(InvalidInputError):
    """A post that breaks rules."""

    code = "BROKEN_RULES"


@command()
def run(
    context: Context,
    page: Annotated[list[str] | None, option("PAGE", "Check for this page (repeatable).")] = None,
    platform: Annotated[
        list[str] | None, option("PLATFORM", "Check for this platform (repeatable; default: all).")
    ] = None,
    *,
    post: ContentOptions,
) -> None:
    """Check a post against platform rules.

    Sends nothing, and requires no account or network without --page. Exits with 2 if the API
    would refuse the post, or with --strict if it breaks a rule.

    Example: outreply posts check --platform x -m 'We are open: example.com/shop'

    Example: outreply posts check --page instagram:acme -F post.txt --media hero.jpg --strict
    """
    targets = find_targets(context, page, platform)
    content = post.read_content(context)
    files = post.inspect_files(None)
    if not (content.message or content.media_ids or content.media_urls or files):
        raise InvalidInputError(
            "a message or media is required", hint="Use -m, -F or --edit, or --media."
        )
    report_problems(context, (), files, hint="")
    media = [file.to_media() for file in files]
    rules = load_rules(context.config_dir)
    rows = [
        row
        for name in dict.fromkeys(str(target.get("platform")) for target in targets)
        for row in _check(content, name, media, rules, is_strict=post.strict)
    ]
    context.output.print_list(
        rows,
        [
            Column("Platform", "platform", lambda row: platform_label(row["platform"])),
            Column("Rule", "rule"),
            Column("Status", "status", style=lambda row: _STYLES.get(row["status"], "")),
            Column("Detail", "detail", shrinkable=True, short=lambda row: row["summary"]),
            # On a terminal, only the warnings name it.
            Column("Source", "source", csv_only=context.output.is_terminal),
        ],
        id_field=None,
    )
    if not rows:
        context.info("No rules apply to this post.")
    for row in rows:
        if row["status"] == "warning":
            context.warn(_to_text(row))
    errors = [_to_text(row) for row in rows if row["status"] == "error"]
    if errors:
        raise BrokenRulesError(
            "; ".join(dict.fromkeys(errors)), hint="Correct the post and run the command again."
        )


def _to_text(row: dict[str, Any]) -> str:
    origin = ", ".join(filter(None, (row["source"], row["entered_on"])))
    return f"{row['detail']} ({origin})" if origin else str(row["detail"])


def find_targets(
    context: Context, pages: list[str] | None, platforms: list[str] | None
) -> list[Page]:
    """Return the named pages, or one that is not known for each platform, by default for all."""
    check_exclusive(page=bool(pages), platform=bool(platforms))
    if pages:
        known_pages = context.client().pages().items
        return [resolve_page(known_pages, name) for name in dict.fromkeys(pages)]
    chosen = []
    for name in platforms or PLATFORM_NAMES:
        platform = find_platform(name)
        if platform is None:
            raise unknown_choice_error("platform", name, PLATFORM_NAMES, option="--platform")
        chosen.append(platform.name)
    return [{"platform": name} for name in dict.fromkeys(chosen)]


def _check(
    content: PostContent, platform: str, files: list[Media], rules: RuleSet, *, is_strict: bool
) -> Iterator[dict[str, Any]]:
    """Compare a post with the limits of the API and each rule of a platform."""
    fields = set()
    for problem in validate_content(content, platform, files=files, rules=RuleSet(())):
        if not problem.is_warning:
            fields.add(problem.field)
        text = describe_problem(problem)
        yield {
            "platform": platform,
            "rule": "api",
            "status": "warning" if problem.is_warning else "error",
            "detail": text,
            "summary": text,
            "source": None,
            "entered_on": None,
        }
    broken = "error" if is_strict else "warning"
    for finding in evaluate_content(content, platform, files=files, rules=rules):
        # Such a field may hold a secret, which a detail could quote.
        if finding.field in fields:
            continue
        status = "unknown" if finding.is_broken is None else broken if finding.is_broken else "ok"
        facts = (finding.measure.fact(), finding.rule.requirement)
        yield {
            "platform": platform,
            "rule": finding.rule.name,
            "status": status,
            "detail": finding.reason if finding.is_broken else "; ".join(filter(None, facts)),
            "summary": finding.summary,
            "source": finding.rule.source,
            "entered_on": finding.rule.entered_on or None,
        }
