"""`outreply posts edit`."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from outreply_cli.api.client import Client, Resource, post_time
from outreply_cli.api.errors import NotFoundError
from outreply_cli.bulk.remote_state import RemoteAccount, fetch_account
from outreply_cli.cli.options import Yes, argument, command, option, switch
from outreply_cli.commands.composition import ComposeOptions
from outreply_cli.commands.posts.options import (
    ContentOptions,
    DryRunOption,
    KeepMediaOption,
    describe_problem,
    option_for,
    report_problems,
)
from outreply_cli.commands.posts.output import post_columns, print_changes
from outreply_cli.commands.posts.shared import (
    check_connected,
    note_calendars,
    resolve_posts,
)
from outreply_cli.commands.print_requests import print_requests
from outreply_cli.context import Context
from outreply_cli.errors import (
    InterruptedRunError,
    InvalidInputError,
    OutReplyError,
    TimeError,
    malformed_value_error,
    raise_for_failures,
    unknown_choice_error,
)
from outreply_cli.ids import expand_ids
from outreply_cli.journal.locks import CalendarBusyError
from outreply_cli.media.files import MediaFile
from outreply_cli.pages import Page, page_alias, resolve_page_id
from outreply_cli.posts.content import PostContent, validate_content
from outreply_cli.posts.edits import ContentEdit, EditablePost, PostEdit, validate_edit_time
from outreply_cli.posts.listing import explain_missing, list_all_scheduled
from outreply_cli.posts.service import PostChangedError, PostService
from outreply_cli.posts.user_rules import load_rules
from outreply_cli.time_parser import parse_day, parse_time
from outreply_cli.times import format_time
from outreply_cli.ui.columns import Column
from outreply_cli.ui.editor import edit_message
from outreply_cli.ui.progress import upload_bars

if TYPE_CHECKING:
    from outreply_cli.posts.composer import Composer

_Failures = list[tuple[str, OutReplyError]]
# Fields that each part of --clear removes.
_PARTS = {
    "message": ("message",),
    "media": ("media_ids", "media_urls"),
    "first-comment": ("first_comment",),
    "link": ("link",),
    "tiktok": ("tiktok_settings",),
}
# Errors of posts that were not cancelled.
_UNTOUCHED = (NotFoundError, InvalidInputError, PostChangedError, CalendarBusyError)
_REPLACEMENT = re.compile(r"((?:\\=|[^=])+)=(.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class EditOptions(ContentOptions):
    """The options for new content of scheduled posts."""

    message: Annotated[str | None, option("TEXT", "Replace the text.", "--message", "-m")] = None
    edit: Annotated[bool, switch("Edit the text in $EDITOR.")] = False
    media: Annotated[
        list[str] | None, option("FILE|URL|media:ID", "Replace all images and videos (repeatable).")
    ] = None
    first_comment: Annotated[
        str | None, option("TEXT", "Replace the first comment (Instagram and Facebook only).")
    ] = None
    tiktok: Annotated[str | None, option("JSON|@FILE", "Replace the TikTok settings.")] = None
    link: Annotated[str | None, option("URL", "Replace the link.")] = None
    replace: Annotated[
        list[str] | None,
        option(
            "OLD=NEW",
            "Replace OLD in the text and the first comment (repeatable); write an equals sign in "
            "OLD as '\\='.",
        ),
    ] = None
    clear: Annotated[
        list[str] | None,
        option(
            "PART", "Remove this part: message, media, first-comment, link or tiktok (repeatable)."
        ),
    ] = None
    undo: Annotated[bool, switch("Restore the content before the last edit.")] = False
    keep_media: KeepMediaOption = False

    @property
    def sets_content(self) -> bool:
        """Whether a part of the content is set or removed."""
        texts = (self.message, self.file, self.first_comment, self.tiktok, self.link)
        is_given = any(text is not None for text in texts)
        return self.edit or bool(self.media or self.clear) or is_given

    def read_edit(
        self, context: Context, client: Client, files: Sequence[MediaFile]
    ) -> ContentEdit:
        """Return the edit, without the text from --edit.

        Raises:
            InvalidInputError: An option is invalid, or contradicts another one.
        """
        content = replace(self, edit=False).read_content(context)
        fields = {name: value for name, value in content._asdict().items() if value is not None}
        fields["media_ids"] = expand_ids(
            content.media_ids, "media", client.media, id_field="media_id"
        )
        fields["media_urls"] = list(content.media_urls)
        if not self.media:
            del fields["media_ids"], fields["media_urls"]
        for part, names in _PARTS.items():
            is_blank = not str(fields.get(names[0], "-")).strip()
            if is_blank:
                raise InvalidInputError(
                    f"{option_for(names[0])} is empty", hint=f"To remove it, use: --clear {part}"
                )
        for part in self.clear or ():
            if part not in _PARTS:
                raise unknown_choice_error("part", part, _PARTS, option="--clear")
            if _PARTS[part][0] in fields or (part == "message" and self.edit):
                raise InvalidInputError(f"--clear {part} conflicts with another option")
            fields |= dict.fromkeys(_PARTS[part])
        replacements = [parse_replacement(text) for text in self.replace or ()]
        return ContentEdit(fields, replacements, [file.path.name for file in files])


@dataclass(frozen=True, kw_only=True)
class PostFilters:
    """The options that select several scheduled posts."""

    all_posts: Annotated[
        bool, switch("Select all scheduled posts, for --replace.", "--all")
    ] = False  # fmt: skip
    page: Annotated[str | None, option("PAGE", "Select posts of a page, for --replace.")] = None
    since: Annotated[
        str | None, option("TIME", "Select posts due at TIME or later, for --replace.")
    ] = None
    until: Annotated[
        str | None, option("TIME", "Select posts due at TIME or earlier, for --replace.")
    ] = None

    @property
    def is_given(self) -> bool:
        """Whether there is a filter."""
        return self.all_posts or any((self.page, self.since, self.until))

    def find_ids(
        self, context: Context, client: Client, pages: Mapping[str, Page], zone: ZoneInfo
    ) -> list[str]:
        """Return the IDs of the selected posts; warns of posts that the API may not list."""
        now = client.now()
        first = _parse_bound(self.since, time.min, now, zone)
        last = _parse_bound(self.until, time.max, now, zone)
        page_id = resolve_page_id(list(pages.values()), self.page)
        listing = list_all_scheduled(client, pages, page_id=page_id)
        for reason in explain_missing(listing, pages):
            context.warn(reason)
        return [
            str(post["id"])
            for post in listing.items
            if (at := post_time(post)) is not None
            and (first is None or first <= at)
            and (last is None or at <= last)
        ]


@command(has_print_option=True)
def run(
    context: Context,
    options: EditOptions,
    filters: PostFilters,
    composing: ComposeOptions,
    post_ids: Annotated[list[str] | None, argument("[ID...]", "Post IDs.")] = None,
    tz: Annotated[
        str | None, option("ZONE", "Read and show times in this zone, such as Europe/Paris.")
    ] = None,
    dry_run: DryRunOption = False,
    yes: Yes = False,
) -> None:
    """Edit scheduled posts: text, media, first comment.

    The differences are shown first. The API cannot edit a post: it is cancelled, then created
    again for the same time, with a new ID. Posts due in less than 12 minutes are rejected. If a
    post comes from a calendar, edit the file as well: bulk schedule would change the post back.

    Example: outreply posts edit $(outreply posts list -q --limit 1) -m 'Doors open at 10' --yes

    Example: outreply posts edit --all --replace 'Black Friday=Cyber Monday' --dry-run
    """
    is_composing = composing.compose_with is not None
    _check_options(options, post_ids or [], has_filter=filters.is_given, is_composing=is_composing)
    client, zone = context.client(), context.zone(tz)
    files = options.inspect_files(client)
    edit = options.read_edit(context, client, files)
    service = PostService(client, context.store, context.info, context.warn)
    is_sent = not (dry_run or context.options.print_as)
    if is_sent:
        service.recover_pending(post_ids or [])
    account = fetch_account(client)
    pages: dict[str, Page] = {str(page["id"]): page for page in account.pages}
    composer = composing.make_composer(context, client, yes=yes or dry_run)
    editor = _Editor(context, client, service, options, edit, files, account, pages, composer)
    if filters.is_given:
        ids = filters.find_ids(context, client, pages, zone)
    else:
        ids = resolve_posts(client, post_ids or [], published=False)
    # Lists may be late: a post that is no longer scheduled was not selected.
    found, replaced, failures = editor.fetch(ids, skip_missing=filters.is_given)
    requested = len(found) + len(replaced) + len(failures)
    if requested == 1 and failures:
        raise failures[0][1]
    edits = [item for item in map(editor.make_edit, service.read_for_edit(found)) if item.changes]
    editor.check(edits, is_sent=is_sent)
    editor.show(edits, zone, is_asked=is_sent and not yes)
    note_calendars(context, service, [item.post.post_id for item in edits], "changes {} back")
    if not (edits or replaced or failures):
        texts = " or ".join(repr(old) for old, _ in edit.replacements)
        context.info(
            f"{f'No post contains {texts}' if texts else 'No differences'}; nothing was sent."
        )
    # Two IDs would not leave room for the text; the differences name the old ones.
    id_columns = [Column("ID", "id"), Column("Replaces", "replaces", csv_only=not dry_run)]
    columns = [*id_columns, *post_columns(zone, account.pages, with_status=False)[1:]]
    if not is_sent:
        editor.print_unsent(edits, columns[1:])
        raise_for_failures(failures, requested)
        return
    posts = "1 post" if len(edits) == 1 else f"{len(edits)} posts"
    context.confirm(f"Replace {posts}?", yes=yes or not edits)
    done, failed, interrupted = editor.replace_posts(edits)
    failures += failed
    done = [*replaced, *done]
    if done or requested > 1 or not failures:
        context.output.print_list(done, columns)
    if done:
        profile = ["--profile", context.options.profile] if context.options.profile else []
        words = ["outreply", "posts", "edit", *(item["id"] for item in done), "--undo", *profile]
        context.info(f"To undo: {shlex.join(words)}")
    if interrupted is not None:
        raise interrupted
    raise_for_failures(failures, requested)


def _check_options(
    options: EditOptions, ids: Sequence[str], *, has_filter: bool, is_composing: bool
) -> None:
    if has_filter == bool(ids):
        raise InvalidInputError(
            "specify either post IDs, or a filter: --all, --page, --since or --until",
            hint="List the posts with: outreply posts list",
        )
    sets_content = options.sets_content or is_composing
    given = [options.undo, sets_content, bool(options.replace)]
    if not any(given):
        raise InvalidInputError(
            "nothing to edit; specify -m, -F, --edit, --compose-with, --replace, --media, "
            "--first-comment, --link, --tiktok, --clear or --undo"
        )
    if options.undo and sum(given) > 1:
        raise InvalidInputError("--undo cannot be combined with other changes")
    texts = (options.message is not None, options.file is not None, options.edit, is_composing)
    if sum(texts) + bool(options.replace) > 1:
        raise InvalidInputError("specify only one of -m, -F, --edit, --compose-with and --replace")
    if is_composing and "message" in (options.clear or ()):
        raise InvalidInputError("--clear message conflicts with another option")
    if has_filter and (options.undo or sets_content):
        raise InvalidInputError(
            "filters select posts for --replace only, so that different posts do not get the same "
            "content",
            hint="To give several posts the same content, specify their IDs.",
        )


def parse_replacement(text: str) -> tuple[str, str]:
    r"""Parse `OLD=NEW`, where OLD has its equals signs as `\=`; raises InvalidInputError."""
    match = _REPLACEMENT.fullmatch(text)
    if match is None:
        raise malformed_value_error("--replace", text, "OLD=NEW")
    return match[1].replace("\\=", "="), match[2]


def _parse_bound(
    text: str | None, day_time: time, now: datetime, zone: ZoneInfo
) -> datetime | None:
    """Parse a time, or a day, which stands for its start or end: `day_time`."""
    if text is None:
        return None
    try:
        return parse_time(text, now=now, zone=zone)
    except TimeError as error:
        try:
            day = parse_day(text, now=now, zone=zone)
        except TimeError:
            raise error from None
    return datetime.combine(day, day_time, zone).astimezone(UTC)


@dataclass(frozen=True)
class _Editor:
    """The steps of an edit."""

    context: Context
    client: Client
    service: PostService
    options: EditOptions
    edit: ContentEdit
    files: Sequence[MediaFile]
    account: RemoteAccount
    pages: Mapping[str, Page]
    composer: "Composer | None"

    def make_edit(self, post: EditablePost) -> PostEdit:
        """Return the edit of one post: with its text from the editor or a program, or undone."""
        text = None
        if self.options.undo:
            earlier = self.service.find_earlier_content(post.entry)
            if earlier is None:
                raise InvalidInputError(
                    f"the journal has no earlier content of post {post.post_id}"
                )
            return PostEdit(post, ContentEdit.from_body(earlier))
        if self.composer is not None:
            text = self.composer.compose(
                "edit",
                self.pages.get(post.page_id, {"id": post.page_id}),
                scheduled_at=post.scheduled_at,
                link=self.edit.fields.get("link", post.body.get("link")),
                current_message=post.body.get("message"),
            )
        elif self.options.edit:
            current = str(post.body.get("message") or "")
            text = edit_message(self.context.environ, current)
            if text == current.rstrip():
                text = None
        if text is None:
            return PostEdit(post, self.edit)
        return PostEdit(post, replace(self.edit, fields={**self.edit.fields, "message": text}))

    def fetch(
        self, ids: Iterable[str], *, skip_missing: bool
    ) -> tuple[list[Resource], list[dict[str, Any]], _Failures]:
        """Return posts, those that the same edit replaced earlier, and the errors for others.

        Each is fetched: lists leave out first comments and media.
        """
        found: list[Resource] = []
        replaced: list[dict[str, Any]] = []
        failures: _Failures = []
        # The text from an editor or a program differs in each run.
        is_repeatable = not self.options.edit and self.composer is None
        for post_id in ids:
            try:
                with self.service.name_successor_if_missing(post_id):
                    found.append(self.client.scheduled_post(post_id))
            except NotFoundError as error:
                if skip_missing:
                    continue
                old, new_id, body = self.service.find_replaced(post_id) or (None, None, None)
                item = self.make_edit(old) if old is not None and is_repeatable else None
                if item is not None and item.body == body:
                    replaced.append(item.to_dict(new_id))
                else:
                    failures.append((post_id, error))
        return found, replaced, failures

    def check(self, edits: Sequence[PostEdit], *, is_sent: bool) -> None:
        """Print warnings; raise InvalidInputError with all problems."""
        if is_sent and edits and self.account.account is None:
            # Posts are cancelled before new ones are sent: the rest of the quota must be known.
            self.client.account()
        publishes_left = self.account.publishes_left
        rules = load_rules(self.context.config_dir)
        check_connected(self.pages.get(item.post.page_id, {}) for item in edits)
        problems: list[tuple[str, bool]] = []
        for item in edits:
            post, prefix = item.post, f"post {item.post.post_id}: " if len(edits) > 1 else ""
            page = self.pages.get(post.page_id, {"platform": post.platform})
            found = validate_content(
                PostContent.from_body(item.body),
                str(page.get("platform") or ""),
                files=[file.to_media() for file in self.files],
                rules=rules,
                is_strict=self.options.strict,
                has_secret=self.client.transport.holds_secret,
            )
            problems += [
                (f"{prefix}{describe_problem(problem)}", problem.is_warning) for problem in found
            ]
            if reason := validate_edit_time(post.scheduled_at, self.client.now()):
                problems.append((f"post {post.post_id}: {reason}", False))
            if post.has_unknown_settings and "tiktok_settings" not in item.edit.fields:
                text = (
                    f"post {post.post_id}: its TikTok settings would be lost, because the API does "
                    "not return them; add --tiktok JSON, or --clear tiktok if it has none"
                )
                problems.append((text, False))
        if publishes_left is not None and publishes_left < len(edits):
            text = (
                f"the edit needs {len(edits)} publishes, because the API counts a replaced post "
                f"again, but only {max(0, publishes_left)} remain this month"
            )
            problems.append((text, False))
        report_problems(self.context, problems, self.files, hint="Nothing was sent.")

    def show(self, edits: Sequence[PostEdit], zone: ZoneInfo, *, is_asked: bool) -> None:
        """Print the differences for people; for programs, only if a question follows."""
        if not is_asked and (self.context.options.output != "table" or self.context.options.quiet):
            return
        for item in edits:
            post = item.post
            at = format_time(post.scheduled_at, zone)
            alias = page_alias(self.pages.get(post.page_id, {"id": post.page_id}))
            title = f"Post {post.post_id}, {alias}, {at}"
            print_changes(self.context.notes, title, item.changes)

    def print_unsent(self, edits: Sequence[PostEdit], columns: Sequence[Column]) -> None:
        """Print the requests of the edits for `--print`, else the edits."""
        if self.context.options.print_as:
            media_ids = self.service.find_uploads(PostContent(), self.files).media_ids
            edits = [_with_uploads(item, media_ids) if self.files else item for item in edits]
            requests = [
                part for item in edits for part in self.service.build_edit(item.post, item.body)
            ]
            print_requests(self.context, self.client, requests)
            return
        items = [item.to_dict(None) for item in edits]
        self.context.output.print_list(items, columns, id_field=None)
        self.context.info("Dry run: nothing was sent.")

    def replace_posts(
        self, edits: Sequence[PostEdit]
    ) -> tuple[list[dict[str, Any]], _Failures, OutReplyError | None]:
        """Upload files and replace posts; return new posts, failures, and an interruption."""
        new_media: list[str] = []
        if edits and self.files:
            content = PostContent(media_ids=tuple(edits[0].edit.fields["media_ids"]))
            with upload_bars(self.context.notes, [file.size for file in self.files]) as bars:
                content, new_media = self.service.upload(
                    content, self.files, keep=self.options.keep_media, progress=bars
                )
            edits = [_with_uploads(item, content.media_ids) for item in edits]
            # A post that already has the same files does not change.
            edits = [item for item in edits if item.changes]
            if not edits:
                self.context.info("No differences; nothing was sent.")
        done: list[dict[str, Any]] = []
        failures: _Failures = []
        interrupted: OutReplyError | None = None
        is_stopped = False
        for item in edits:
            if is_stopped:
                error = OutReplyError("not edited, because an earlier edit failed")
                failures.append((item.post.post_id, error))
                continue
            try:
                done.append(item.to_dict(self.service.edit(item.post, item.body)))
            except InterruptedRunError as error:
                interrupted = error
                break
            except OutReplyError as error:
                failures.append((item.post.post_id, error))
                # The API may reject the other posts as well: they are not cancelled for nothing.
                is_stopped = not isinstance(error, _UNTOUCHED)
            except KeyboardInterrupt:
                interrupted = InterruptedRunError(
                    f"interrupted while post {item.post.post_id} was being edited",
                    hint="Run the command again to finish.",
                )
                break
        # A post whose outcome is unknown may use the media.
        is_unused = not done and not any(error.maybe_applied for _, error in failures)
        if is_unused and interrupted is None and not self.options.keep_media:
            self.service.delete_uploads(new_media)
        return done, failures, interrupted


def _with_uploads(item: PostEdit, media_ids: Sequence[str]) -> PostEdit:
    fields: Mapping[str, Any] = {**item.edit.fields, "media_ids": list(media_ids)}
    return replace(item, edit=replace(item.edit, fields=fields, files=()))
