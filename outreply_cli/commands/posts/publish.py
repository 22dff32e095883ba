"""`outreply posts publish`."""

from outreply_cli.cli.options import Yes, command
from outreply_cli.commands.composition import ComposeOptions
from outreply_cli.commands.posts.options import DryRunOption, PageOption, PostOptions
from outreply_cli.commands.posts.shared import PostSender, resolve_pages
from outreply_cli.context import Context
from outreply_cli.pages import page_alias


@command(has_print_option=True)
def run(
    context: Context,
    page: PageOption,
    post: PostOptions,
    composing: ComposeOptions,
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
    question = f"Publish on {', '.join(map(page_alias, pages))} now?"
    if not (dry_run or context.options.print_as) and composing.compose_with is None:
        context.confirm(question, yes=yes)
    files = post.inspect_files(client)
    sender = PostSender(context, client, content, post, composing, question, yes, dry_run)
    sender.send([(target, None) for target in pages], files, context.zone())
