"""`outreply posts publish`."""

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.posts import options
from outreply_cli.commands.posts.shared import resolve_pages, send_posts
from outreply_cli.context import Context
from outreply_cli.pages import page_alias


@command()
def run(
    context: Context,
    page: options.PageOption,
    message: options.MessageOption = None,
    file: options.FileOption = None,
    edit: options.EditOption = False,
    media: options.MediaOption = None,
    first_comment: options.FirstCommentOption = None,
    tiktok: options.TiktokOption = None,
    link: options.LinkOption = None,
    key: options.KeyOption = None,
    keep_media: options.KeepMediaOption = False,
    dry_run: options.DryRunOption = False,
    yes: Yes = False,
) -> None:
    """Publish a post now on one or more pages.

    Example: outreply posts publish --page x:bluebird -m 'We are open' --yes

    Example: outreply posts publish --page linkedin:acme-co -F post.txt --key v1.2 --yes
    """
    text = options.read_message(context, message, file, edit=edit)
    content = options.parse_content(
        context, text, media=media or [], first_comment=first_comment, tiktok=tiktok, link=link
    )
    client = context.client()
    pages = resolve_pages(client, page)
    if not dry_run:
        aliases = ", ".join(page_alias(target) for target in pages)
        context.confirm(f"Publish on {aliases} now?", yes=yes)
    files = options.read_files(client, media or [])
    posts = [(target, None) for target in pages]
    send_posts(
        context, client, posts, content, files,
        key=key, keep_media=keep_media, zone=context.zone(), dry_run=dry_run,
    )  # fmt: skip
