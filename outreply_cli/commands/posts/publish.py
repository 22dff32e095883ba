"""`outreply posts publish`."""

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.posts.options import (
    DryRunOption,
    EditOption,
    FileOption,
    FirstCommentOption,
    KeepMediaOption,
    KeyOption,
    LinkOption,
    MediaOption,
    MessageOption,
    PageOption,
    TiktokOption,
    read_content,
    read_files,
    read_message,
)
from outreply_cli.commands.posts.shared import Batch, find_pages, post
from outreply_cli.context import Context
from outreply_cli.pages import page_alias


@command()
def run(
    context: Context,
    page: PageOption,
    message: MessageOption = None,
    file: FileOption = None,
    edit: EditOption = False,
    media: MediaOption = None,
    first_comment: FirstCommentOption = None,
    tiktok: TiktokOption = None,
    link: LinkOption = None,
    key: KeyOption = None,
    keep_media: KeepMediaOption = False,
    dry_run: DryRunOption = False,
    yes: Yes = False,
) -> None:
    """Publish a post at once, one on each page.

    Example: outreply posts publish --page x:bluebird -m 'We are open' --yes

    Example: outreply posts publish --page linkedin:acme-co -F post.txt --key v1.2 --yes
    """
    text = read_message(context, message, file, edit=edit)
    content = read_content(
        context, text, media=media or [], first_comment=first_comment, tiktok=tiktok, link=link
    )
    client = context.client()
    pages = find_pages(client, page)
    if not dry_run:
        names = ", ".join(page_alias(one) for one in pages)
        context.confirm(f"Publish on {names} now?", yes=yes)
    batch = Batch(pages, content, read_files(client, media or []), key, keep_media=keep_media)
    moments = [None] * len(pages)
    post(context, client, batch, moments, shown_in=context.zone(), dry_run=dry_run)
