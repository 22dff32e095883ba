"""Options that the commands of `outreply posts` share."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from outreply_cli.api.client import Client
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.json import parse_json
from outreply_cli.media.files import MediaFile, MediaFileError, StorageLimits, inspect_file
from outreply_cli.paths import to_path
from outreply_cli.posts.content import PostContent
from outreply_cli.ui.editor import edit_message

PageOption = Annotated[
    list[str],
    typer.Option("--page", metavar="PAGE", help="Id, platform:username or name; may be repeated."),
]
MessageOption = Annotated[
    str | None, typer.Option("--message", "-m", metavar="TEXT", help="The post's text.")
]
FileOption = Annotated[
    str | None,
    typer.Option("--file", "-F", metavar="FILE", help="A file with the text; - is stdin."),
]
EditOption = Annotated[bool, typer.Option("--edit", help="Write the text in $EDITOR.")]
MediaOption = Annotated[
    list[str] | None,
    typer.Option(
        "--media", metavar="FILE|URL|media:ID", help="A picture or video; may be repeated."
    ),
]
FirstCommentOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Instagram and Facebook only.")
]
TiktokOption = Annotated[
    str | None, typer.Option(metavar="JSON|@FILE", help="TikTok's own settings.")
]
LinkOption = Annotated[str | None, typer.Option(metavar="URL", help="A link to attach.")]
KeepMediaOption = Annotated[
    bool, typer.Option("--keep-media", help="Keep uploaded files when the post fails.")
]
KeyOption = Annotated[
    str | None,
    typer.Option(metavar="K", help="Names the occasion: the same key again is the same post."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check everything and show it; send nothing.")
]
_MEDIA_ID = "media:"
_OPTIONS = {"scheduled_at": "--at", "media_urls": "--media", "tiktok_settings": "--tiktok"}


def option_of(field: str) -> str:
    """The option that sets a post's `field`."""
    return _OPTIONS.get(field, "--" + field.replace("_", "-"))


def read_message(
    context: Context, message: str | None, file: str | None, *, edit: bool
) -> str | None:
    """The text that the options give; raises InvalidInputError when they give two."""
    if sum((message is not None, file is not None, edit)) > 1:
        raise InvalidInputError("give the message once", hint="One of -m, -F and --edit.")
    if edit:
        return edit_message(context.environ)
    if file is not None:
        return context.read_text(file).rstrip("\n")
    return message


def read_files(client: "Client", media: Sequence[str]) -> list[MediaFile]:
    """The files among what `--media` names; asks the account what it takes where there are some.

    Raises:
        InvalidInputError: One is no media, or larger than the account takes.
    """
    local = [item for item in media if not item.startswith(_MEDIA_ID) and "://" not in item]
    if not local:
        return []
    limits, files = StorageLimits.from_account(client.account_or_none()), []
    for item in local:
        try:
            files.append(inspect_file(to_path(item), limits))
        except MediaFileError as problem:
            raise InvalidInputError(f"--media {item}: {problem.message}") from None
    return files


def read_content(
    context: Context,
    message: str | None,
    *,
    media: Sequence[str],
    first_comment: str | None,
    tiktok: str | None,
    link: str | None,
) -> PostContent:
    """The post that the options describe; raises InvalidInputError."""
    ids = [item.removeprefix(_MEDIA_ID) for item in media if item.startswith(_MEDIA_ID)]
    if not all(one.strip() for one in ids):
        raise InvalidInputError("--media media: names no media", hint="See: outreply media list")
    urls = [item for item in media if "://" in item]
    return PostContent(
        message=message,
        media_ids=tuple(ids),
        media_urls=tuple(urls),
        first_comment=first_comment,
        link=link,
        tiktok_settings=_read_tiktok(context, tiktok),
    )


def _read_tiktok(context: Context, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    document = context.read_text(text[1:]) if text.startswith("@") else text
    try:
        settings = parse_json(document)
    except ValueError as problem:
        raise InvalidInputError(f"--tiktok is not JSON: {problem}") from None
    if not isinstance(settings, dict):
        raise InvalidInputError('--tiktok must be an object, such as {"privacy_level": "PUBLIC"}')
    return settings
