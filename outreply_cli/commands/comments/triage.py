"""`outreply comments triage`."""

import webbrowser
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.comments.output import CommentView
from outreply_cli.commands.comments.shared import DaysOption, comment_store
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.ui.sanitize import sanitize

if TYPE_CHECKING:
    from outreply_cli.comments.triage import Triage, UnansweredComment

_QUESTION = "[r]eply, [e]dit in $EDITOR, [s]kip, [o]pen, [u]ndo, [q]uit? "


@command()
def run(
    context: Context,
    days: DaysOption = 7,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="Also those that were skipped before.")
    ] = False,
) -> None:
    """Go through the unanswered comments: read, reply, skip, open, undo, quit and resume.

    A reply is held until the next comment is decided about: until then it can be undone.

    Example: outreply comments triage --days 30

    Example: outreply comments triage --skipped
    """
    from outreply_cli.commands.comments.output import CommentView
    from outreply_cli.comments.inbox import read_inbox, recent_posts
    from outreply_cli.comments.replies import ReplyService
    from outreply_cli.comments.triage import Triage
    from outreply_cli.ui.progress import progress

    if not context.is_interactive:
        raise InvalidInputError(
            "triage asks at a terminal, and there is none",
            hint="Use: outreply comments inbox --json, and outreply comments reply",
        )
    client = context.client(patient=True)
    now = client.now()
    with comment_store(context, client) as memory:
        recent = recent_posts(client, now - timedelta(days=days))
        with progress(context.notes, "Reading", len(recent.posts)) as bar:
            groups = read_inbox(client, memory, recent, only_new=False, step=bar.step)
        for group in groups:
            memory.mark_seen(str(group.post["id"]), [one.comment for one in group.threads])
        triage = Triage(ReplyService(client, memory), memory, groups, with_skipped=skipped)
        try:
            _pass_through(context, triage, CommentView(context.output, context.zone(), now))
        finally:
            _send_held(context, triage)
    context.info(f"{triage.sent} sent, {triage.skipped} skipped, {triage.remaining} left.")


def _pass_through(context: Context, triage: "Triage", view: "CommentView") -> None:
    shown = None
    while (current := triage.current) is not None:
        if shown != current.id:
            _show(context, view, current, triage.remaining)
            shown = current.id
        typed = context.prompt(_QUESTION)
        word = "q" if typed is None else typed.lower()[:1]
        if word == "q":
            return
        try:
            if not _decide(context, triage, current, word):
                context.info("Type one of the letters, and Enter.")
        except OutReplyError as problem:
            context.warn(problem.message)


def _decide(context: Context, triage: "Triage", current: "UnansweredComment", word: str) -> bool:
    if word == "r":
        message = context.prompt("Reply: ")
        if message:
            _reply(context, triage, message)
    elif word == "e":
        from outreply_cli.ui.editor import edit_message

        _reply(context, triage, edit_message(context.environ))
    elif word == "s":
        triage.skip()
    elif word == "o":
        address = str(current.group.post.get("permalink") or "")
        if address.startswith(("https://", "http://")):
            webbrowser.open(address)
        else:
            context.info("The post has no address.")
    elif word == "u":
        context.info("Taken back." if triage.undo() else "Nothing is held.")
    else:
        return False
    return True


def _reply(context: Context, triage: "Triage", message: str) -> None:
    from outreply_cli.comments.replies import check_reply

    check_reply(message)
    triage.reply(message)
    context.info("Held: it goes out with your next step; u takes it back.")


def _send_held(context: Context, triage: "Triage") -> None:
    try:
        triage.send_queued()
    except OutReplyError as problem:
        context.warn(f"the last reply was not sent: {problem.message}")


def _show(context: Context, view: "CommentView", current: "UnansweredComment", left: int) -> None:
    from outreply_cli.commands.comments.output import item_of, who

    item = item_of(current.group, current.placed)
    text = sanitize(str(item.get("message") or ""), keep_lines=True)
    context.echo_err(
        f"\n{view.heading(current.group)}\n"
        f"{sanitize(who(item))}, {view.age(item)}  ({left} left)\n{text}\n"
    )
