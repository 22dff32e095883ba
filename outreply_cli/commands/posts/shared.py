"""Code that the commands of `outreply posts` share."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client
from outreply_cli.api.errors import LimitExceededError
from outreply_cli.commands.composition import ComposeOptions, show_text
from outreply_cli.commands.posts.options import PostOptions, describe_problem, report_problems
from outreply_cli.commands.posts.output import post_columns, report_posts
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.errors import InterruptedRunError, InvalidInputError
from outreply_cli.ids import expand_ids
from outreply_cli.journal.account import account_fingerprint
from outreply_cli.journal.journal import Journal
from outreply_cli.media.files import MediaFile
from outreply_cli.pages import Page, page_alias, resolve_page
from outreply_cli.posts.content import (
    Diagnostic,
    PostContent,
    validate_content,
    validate_time,
)
from outreply_cli.posts.listing import list_posts
from outreply_cli.posts.sender import KEY_CALENDAR_PREFIX
from outreply_cli.posts.service import PostResult, PostService
from outreply_cli.posts.slot_finder import SlotFinder
from outreply_cli.posts.user_rules import load_rules
from outreply_cli.time_parser import parse_time
from outreply_cli.times import BRAND_ZONE
from outreply_cli.ui.columns import Column
from outreply_cli.ui.progress import upload_bars

# Age up to which failed posts are listed.
FAILED_WINDOW = timedelta(days=30)
# Pages, each with the time of its post; None to publish it now.
Targets = Sequence[tuple[Page, datetime | None]]
TRUNCATED = "the API lists at most 100 posts of a page; there may be more"


@dataclass(frozen=True)
class PostSender:
    """Sends the same post on pages."""

    context: Context
    client: Client
    content: PostContent
    options: PostOptions
    composing: ComposeOptions
    question: str
    yes: bool
    dry_run: bool

    @property
    def is_sent(self) -> bool:
        """Whether the post is sent, and not only printed."""
        return not (self.dry_run or self.context.options.print_as)

    def send(
        self,
        targets: Targets,
        files: Sequence[MediaFile],
        zone: ZoneInfo,
        *,
        fetch_slots: Callable[[Journal], SlotFinder] | None = None,
    ) -> None:
        """Validate, send and print the same post on pages; one without a time is published now.

        With `fetch_slots`, which returns the slots as they are now, it takes the next free one
        instead. Texts that a program composes are shown, and sent once `question` is confirmed.
        Unless `--keep-media` is given, uploaded `files` are deleted if no post is created.
        """
        context, client, options = self.context, self.client, self.options
        pages = [page for page, _ in targets]
        media_ids = expand_ids(self.content.media_ids, "media", client.media, id_field="media_id")
        content = self.content._replace(media_ids=tuple(media_ids))
        texts, new_pages = self._compose_texts(targets)

        def content_for(page: Page) -> PostContent:
            return content._replace(message=texts.get(str(page["id"]), content.message))

        rules, media = load_rules(context.config_dir), [file.to_media() for file in files]
        problems: list[Diagnostic] = []
        for page, at in targets:
            problems += validate_content(
                content_for(page),
                str(page.get("platform") or ""),
                files=media,
                rules=rules,
                is_strict=options.strict,
                has_secret=client.transport.holds_secret,
            )
            if at is not None and (problem := validate_time(at, client.now())) is not None:
                problems.append(problem)
        report_problems(
            context,
            [(describe_problem(problem), problem.is_warning) for problem in problems],
            files,
            hint="Nothing was sent. Correct the post and run the command again.",
        )
        service = PostService(client, context.store, context.info, context.warn)
        if not self.is_sent:
            if context.options.print_as:
                content = service.find_uploads(content, files)
            drafts = [(page, content_for(page), at, options.key) for page, at in targets]
            print_unsent(context, client, service, drafts, post_columns(zone, pages))
            return
        for page in new_pages:
            show_text(context, f"Text for {page_alias(page)}", texts[str(page["id"])])
        context.confirm(self.question, yes=self.yes or not new_pages)
        service.recover_pending()
        with upload_bars(context.notes, [file.size for file in files]) as bars:
            content, new_media = service.upload(
                content, files, keep=options.keep_media, progress=bars
            )
        post = partial(service.post, dedupe_key=options.key, fetch_slots=fetch_slots)
        results: list[PostResult] = []
        interrupted: InterruptedRunError | None = None
        for page, at in targets:
            try:
                results.append(post(page, content_for(page), scheduled_at=at))
            except KeyboardInterrupt:
                interrupted = _explain_interruption(page, options.key)
                break
        # A post whose outcome is unknown may exist and use the media.
        if not (options.keep_media or interrupted) and all(
            result.error and not result.error.maybe_applied for result in results
        ):
            service.delete_uploads(new_media)
        report_posts(context, results, zone, pages, interrupted)

    def _compose_texts(self, targets: Targets) -> tuple[dict[str, str], list[Page]]:
        """Return the texts that a program composes, by page ID, and the pages whose text is new.

        There are none without `--compose-with`. A page whose post of the same `--key` exists has
        that post's text.

        Raises:
            InvalidInputError: The text is given as well, or the program failed.
        """
        if self.composing.compose_with is not None and self.content.message is not None:
            raise InvalidInputError("specify only one of -m, -F, --edit and --compose-with")
        composer = self.composing.make_composer(
            self.context, self.client, yes=self.yes or self.dry_run
        )
        if composer is None:
            return {}, []
        texts = self._known_texts(self.options.key) if self.options.key else {}
        new = [(page, at) for page, at in targets if str(page["id"]) not in texts]
        for page, at in new:
            text = composer.compose("post", page, scheduled_at=at, link=self.content.link)
            texts[str(page["id"])] = text
        return texts, [page for page, _ in new]

    def _known_texts(self, key: str) -> dict[str, str]:
        """Return the texts that the posts of a key have or may have, by page ID."""
        if not self.context.store.exists:
            return {}
        with closing(self.context.store.open(allow_readonly=True)) as journal:
            histories = journal.rows(
                account_fingerprint(self.client), f"{KEY_CALENDAR_PREFIX}{key}"
            )
        return {
            history.row: str(history.active.body.get("message") or "")
            for history in histories
            if history.active is not None
        }


def _explain_interruption(page: Page, key: str | None) -> InterruptedRunError:
    return InterruptedRunError(
        f"interrupted; the post may be on {page_alias(page)}, and is on none of the pages after it",
        hint="Run the same command again: with --key, no post is created twice."
        if key is not None
        else "Check before you post on the remaining pages: outreply posts list --all",
    )


def resolve_posts(client: Client, words: Sequence[str], *, published: bool = True) -> list[str]:
    """Expand prefixes of the IDs of posts, each once; raises AmbiguousIdError."""
    listing = partial(list_posts, client, published=published)
    return expand_ids(words, "post", listing)


def note_calendars(
    context: Context, service: PostService, post_ids: Iterable[str], effect: str
) -> None:
    """Note which posts come from calendar files, and what the next run of such a file does.

    The `effect` has braces for the posts, such as `changes {} back`.
    """
    try:
        paths = Counter(service.find_calendar_path(post_id) for post_id in post_ids)
    except LimitExceededError:
        # The note is optional: leave it out if no reads of the quota remain.
        return
    del paths[None]
    for path, count in paths.items():
        posts, them = ("1 post comes", "it") if count == 1 else (f"{count} posts come", "them")
        context.info(
            f"{posts} from the calendar {path}. Edit the file as well; otherwise the next "
            f"`outreply bulk schedule` {effect.format(them)}."
        )


def resolve_pages(client: Client, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the pages called `names`, each once; raises InvalidInputError for expired ones."""
    all_pages = client.pages().items
    pages = {
        str(page["id"]): dict(page) for page in (resolve_page(all_pages, name) for name in names)
    }
    check_connected(pages.values())
    return list(pages.values())


def resolve_zones(
    context: Context, client: Client, pages: Iterable[Page], tz: str | None
) -> list[ZoneInfo]:
    """Return the time zone of each page's local times: its brand's for `brand`, else `tz`."""
    if tz != BRAND_ZONE:
        return [context.zone(tz) for _ in pages]
    return [context.zone(client.brand_zone(str(page.get("brand_id") or ""))) for page in pages]


def parse_post_time(at: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Parse the time (UTC) of `--at`; raises InvalidInputError if no post may have it."""
    time = parse_time(at, now=now, zone=zone)
    problem = validate_time(time, now)
    if problem is not None:
        raise InvalidInputError(f"--at: {problem.message}")
    return time


def print_unsent(
    context: Context,
    client: Client,
    service: PostService,
    drafts: Sequence[tuple[Page, PostContent, datetime | None, str | None]],
    columns: Sequence[Column],
) -> None:
    """Print the requests of posts for `--print`, else the posts; send nothing.

    Each draft has its page, content, time and key.
    """
    if context.options.print_as:
        requests = [
            service.build_request(page, content, scheduled_at=at, dedupe_key=key)
            for page, content, at, key in drafts
        ]
        print_requests(context, client, requests)
        return
    bodies = [content.body(str(page["id"]), at) for page, content, at, _ in drafts]
    context.output.print_list(bodies, columns, id_field=None)
    context.info("Dry run: nothing was sent.")


def check_connected(pages: Iterable[Page]) -> None:
    """Raise InvalidInputError if a page's connection has expired."""
    expired = dict.fromkeys(page_alias(page) for page in pages if page.get("expired"))
    if expired:
        raise InvalidInputError(
            f"the connection of {', '.join(expired)} has expired",
            hint="Reconnect the page in the dashboard first.",
        )
