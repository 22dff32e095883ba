"""`outreply posts preview`."""

from pathlib import Path
from typing import Annotated

from outreply_cli.cli.options import command, option, switch
from outreply_cli.commands.output_file import check_html_file, write_output_file
from outreply_cli.commands.posts.check import find_targets
from outreply_cli.commands.posts.options import ContentOptions, describe_problem, report_problems
from outreply_cli.commands.posts.preview_output import preview_to_dict, print_preview
from outreply_cli.context import Context
from outreply_cli.posts.content import validate_content
from outreply_cli.posts.preview import preview_post
from outreply_cli.posts.user_rules import load_rules


@command()
def run(
    context: Context,
    page: Annotated[list[str] | None, option("PAGE", "Preview for this page (repeatable).")] = None,
    platform: Annotated[
        list[str] | None,
        option("PLATFORM", "Preview for this platform (repeatable; default: all)."),
    ] = None,
    html: Annotated[
        Path | None, option("FILE", "Write the preview as HTML to this file (- for stdout).")
    ] = None,
    terminal: Annotated[
        bool, switch("Print the preview as text (default without --html).")
    ] = False,
    *,
    post: ContentOptions,
) -> None:
    """Preview a post as it will look in the feeds of platforms.

    Sends nothing, and requires no account or network without --page. Shows where the text is cut,
    how images are cropped, and the warnings of `posts check`. The HTML file includes its images,
    scaled down with outreply-cli[preview]; without it, only images up to 200 kB are included.

    Example: outreply posts preview --platform instagram -F post.txt --media hero.jpg

    Example: outreply posts preview -m 'We are open' --media hero.jpg --html post.html
    """
    if html is not None:
        check_html_file(context, html)
    pages = find_targets(context, page, platform)
    content = post.read_content(context)
    files = post.inspect_files(None)
    rules = load_rules(context.config_dir)
    media = [file.to_media() for file in files]
    errors = [
        (describe_problem(problem), False)
        for target in pages
        for problem in validate_content(
            content, str(target["platform"]), files=media, rules=rules, is_strict=post.strict
        )
        if not problem.is_warning
    ]
    report_problems(context, errors, (), hint="Correct the post and run the command again.")
    previews = [
        preview_post(content, target, at=None, files=files, rules=rules) for target in pages
    ]
    if html is not None:
        from outreply_cli.posts.images import embed_images
        from outreply_cli.posts.preview_page import render_preview

        document = render_preview(
            [{"post": preview, "source": "", "scheduled_at": None} for preview in previews],
            title="Post",
            zone=context.zone(),
            now=context.clock.now(),
            images=embed_images(files),
        )
        write_output_file(context, html, document, f"Wrote the preview to {html}.")
    if context.options.output != "table":
        context.output.print_data([preview_to_dict(preview) for preview in previews])
    elif terminal or html is None:
        for preview in previews:
            print_preview(context, preview)
