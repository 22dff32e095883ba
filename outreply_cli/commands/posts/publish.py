"""`outreply posts publish`."""

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.posts.options import DryRunOption, PageOption, PostOptions
from outreply_cli.commands.posts.shared import resolve_pages, send_posts
from outreply_cli.context import Context
from outreply_cli.pages import page_alias


@command(prints=True)
def run(
    context: Context,
    page: PageOption,
    post: PostOptions,
    dry_run: DryRunOption = False,
    yes: Yes = False,
) -> None:
    """Publish a post now on one or more pages.

    Example: outreply posts publish --page x:bluebird -m 'We are open' --yes

    Example: outreply posts publish --page linkedin:acme-co -F post.txt --key v1.2 --yes
    """
    content = post.read_content(context)
    client = context.client()
    pages = resolve_pages(client, page)
    if not (dry_run or context.options.print_as):
        aliases = ", ".join(page_alias(target) for target in pages)
        context.confirm(f"Publish on {aliases} now?", yes=yes)
    files = post.inspect_files(client)
    targets = [(target, None) for target in pages]
    send_posts(context, client, targets, content, files, post, context.zone(), dry_run=dry_run)
