"""Options of the commands of `outreply posts`, and their parsing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from outreply_cli.cli.options import Strict, argument, option, switch
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.paths import resolve_unicode_name, to_path

if TYPE_CHECKING:
    from outreply_cli.api.client import Client
    from outreply_cli.media.files import MediaFile
    from outreply_cli.posts.content import Diagnostic, PostContent

PostIdArgument = Annotated[str, argument("ID", "Post ID.")]
PostIdsArgument = Annotated[list[str], argument("ID...", "Post IDs.")]
PageOption = Annotated[
    list[str],
    option("PAGE", "Post on this page (ID, platform:username or name; repeatable).", "--page"),
]
FileOption = Annotated[
    str | None, option("FILE", "Read the text from a file (- for stdin).", "--file", "-F")
]
EditOption = Annotated[bool, switch("Write the text in $EDITOR.", "--edit")]
DryRunOption = Annotated[bool, switch("Validate and show the posts; send nothing.", "--dry-run")]
KeepMediaOption = Annotated[bool, switch("Keep uploaded files if the post fails.", "--keep-media")]
PageFilter = Annotated[str | None, option("PAGE", "Filter by page.", "--page")]
ScheduledFilter = Annotated[bool, switch("Select scheduled posts (default).", "--scheduled")]
PublishedFilter = Annotated[bool, switch("Select published posts.", "--published")]
FailedFilter = Annotated[bool, switch("Select posts known to have failed.", "--failed")]
AllFilter = Annotated[bool, switch("Select scheduled and published posts.", "--all")]

_MEDIA_PREFIX = "media:"
_OPTIONS = {
    "scheduled_at": "--at",
    "tiktok_settings": "--tiktok",
    **dict.fromkeys(("media_files", "media_ids", "media_urls"), "--media"),
}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ContentOptions:
    """The options for the content of a post."""

    message: Annotated[str | None, option("TEXT", "Text of the post.", "--message", "-m")] = None
    file: FileOption = None
    edit: EditOption = False
    media: Annotated[
        list[str] | None, option("FILE|URL|media:ID", "Attach an image or video (repeatable).")
    ] = None
    first_comment: Annotated[
        str | None, option("TEXT", "Add a first comment (Instagram and Facebook only).")
    ] = None
    tiktok: Annotated[str | None, option("JSON|@FILE", "Use these TikTok settings.")] = None
    link: Annotated[str | None, option("URL", "Attach a link.")] = None
    strict: Strict = False

    def read_content(self, context: Context) -> "PostContent":
        """Return the content, without local files; raises InvalidInputError."""
        from outreply_cli.posts.content import PostContent

        text = read_message(context, self.message, self.file, edit=self.edit)
        media = self.media or []
        ids = [item.removeprefix(_MEDIA_PREFIX) for item in media if item.startswith(_MEDIA_PREFIX)]
        if not all(media_id.strip() for media_id in ids):
            raise InvalidInputError(
                "--media: 'media:' requires an ID, such as media:68a1b2",
                hint="See: outreply media list",
            )
        return PostContent(
            message=text,
            media_ids=tuple(ids),
            media_urls=tuple(item for item in media if "://" in item),
            first_comment=self.first_comment,
            link=self.link,
            tiktok_settings=_parse_tiktok(context, self.tiktok),
        )

    @property
    def paths(self) -> list[str]:
        """The local files among the values of --media."""
        return [
            item
            for item in self.media or []
            if not item.startswith(_MEDIA_PREFIX) and "://" not in item
        ]

    def inspect_files(self, client: "Client | None") -> "list[MediaFile]":
        """Inspect the local files among the values of --media; without an account, of any size.

        Raises:
            InvalidInputError: A file is not media, or larger than the account allows.
        """
        if not self.paths:
            return []
        from outreply_cli.media.files import MediaFileError, StorageLimits, inspect_and_hash

        account = client.account_or_none() if client is not None else None
        limits, files = StorageLimits.from_account(account), []
        for path in self.paths:
            try:
                files.append(inspect_and_hash(resolve_unicode_name(to_path(path)), limits))
            except MediaFileError as error:
                raise InvalidInputError(f"--media: {error.describe(path)}") from None
        return files


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PostOptions(ContentOptions):
    """The options of a post that is scheduled or published now."""

    key: Annotated[
        str | None,
        option("KEY", "Set an idempotency key; with the same key, nothing is posted twice."),
    ] = None
    keep_media: KeepMediaOption = False


def option_for(field: str) -> str:
    """Return the option that sets a post's `field`."""
    return _OPTIONS.get(field, "--" + field.replace("_", "-"))


def describe_problem(problem: "Diagnostic") -> str:
    """Return a problem of a post with the option that it is about."""
    return f"{option_for(problem.field)}: {problem.message}"


def report_problems(
    context: Context,
    problems: Iterable[tuple[str, bool]],
    files: "Iterable[MediaFile]",
    *,
    hint: str,
) -> None:
    """Print warnings, including those of `files`; raises InvalidInputError if there are errors.

    Each problem has its text, and whether it is a warning.
    """
    errors = []
    for text, is_warning in dict.fromkeys(problems):
        if is_warning:
            context.warn(text)
        else:
            errors.append(text)
    for file in files:
        if file.warning:
            context.warn(f"--media {file.path}: {file.warning}")
    if errors:
        raise InvalidInputError("; ".join(errors), hint=hint)


def check_exclusive(**filters: bool) -> None:
    """Raise InvalidInputError if more than one filter is given, each by the option's name."""
    if sum(filters.values()) > 1:
        *first, last = (f"--{name}" for name in filters)
        raise InvalidInputError(f"specify only one of {', '.join(first)} and {last}")


def read_message(
    context: Context, message: str | None, file: str | None, *, edit: bool
) -> str | None:
    """Return the text from -m, -F or --edit; raises InvalidInputError if several are given."""
    if (message is not None) + (file is not None) + edit > 1:
        raise InvalidInputError("specify only one of -m, -F and --edit")
    if edit:
        from outreply_cli.ui.editor import edit_message

        return edit_message(context.environ)
    if file is not None:
        return context.read_text(file).rstrip("\n")
    return message


def _parse_tiktok(context: Context, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    from outreply_cli.formats.json import parse_json

    document = context.read_text(text[1:]) if text.startswith("@") else text
    try:
        settings = parse_json(document, is_unique=True)
    except ValueError as error:
        raise InvalidInputError(f"--tiktok is not valid JSON: {error}") from None
    if not isinstance(settings, dict):
        raise InvalidInputError('--tiktok must be an object, such as {"privacy_level": "PUBLIC"}')
    return settings
