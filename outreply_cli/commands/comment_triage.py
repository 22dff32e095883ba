"""`outreply comments triage`: one comment after the other, at a terminal."""

import webbrowser
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from outreply_cli.cli.options import command
from outreply_cli.commands.comment_group import DaysOption, app, memory_of
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.ui.sanitize import harmless

if TYPE_CHECKING:
    from outreply_cli.commands.comments_output import CommentView
    from outreply_cli.comments.triage import Triage, Waiting

_QUESTION = "[r]eply, [e]dit in $EDITOR, [s]kip, [o]pen, [u]ndo, [q]uit? "


@command(app, "triage")
def comments_triage(
    session: Session,
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
    from outreply_cli.commands.comments_output import CommentView
    from outreply_cli.comments.inbox import read_inbox, recent_posts
    from outreply_cli.comments.replies import Replies
    from outreply_cli.comments.triage import Triage
    from outreply_cli.ui.progress import progress

    if not session.can_ask:
        raise InvalidInputError(
            "triage asks at a terminal, and there is none",
            hint="Use: outreply comments inbox --json, and outreply comments reply",
        )
    client = session.client(patient=True)
    now = client.now()
    with memory_of(session, client) as memory:
        recent = recent_posts(client, now - timedelta(days=days))
        with progress(session.notes, "Reading", len(recent.posts)) as bar:
            groups = read_inbox(client, memory, recent, only_new=False, step=bar.step)
        for group in groups:
            memory.see(str(group.post["id"]), [one.comment for one in group.placed])
        triage = Triage(Replies(client, memory), memory, groups, with_skipped=skipped)
        try:
            _pass_through(session, triage, CommentView(session.output, session.zone(), now))
        finally:
            _send_held(session, triage)
    session.note(f"{triage.sent} sent, {triage.skipped} skipped, {triage.left} left.")


def _pass_through(session: Session, triage: "Triage", view: "CommentView") -> None:
    shown = None
    while (current := triage.current) is not None:
        if shown != current.id:
            _show(session, view, current, triage.left)
            shown = current.id
        typed = session.ask_line(_QUESTION)
        word = "q" if typed is None else typed.lower()[:1]
        if word == "q":
            return
        try:
            if not _decide(session, triage, current, word):
                session.note("Type one of the letters, and Enter.")
        except OutReplyError as problem:
            session.warn(problem.message)


def _decide(session: Session, triage: "Triage", current: "Waiting", word: str) -> bool:
    if word == "r":
        message = session.ask_line("Reply: ")
        if message:
            _reply(session, triage, message)
    elif word == "e":
        from outreply_cli.ui.editor import edit_message

        _reply(session, triage, edit_message(session.environ))
    elif word == "s":
        triage.skip()
    elif word == "o":
        address = str(current.group.post.get("permalink") or "")
        if address.startswith(("https://", "http://")):
            webbrowser.open(address)
        else:
            session.note("The post has no address.")
    elif word == "u":
        session.note("Taken back." if triage.undo() else "Nothing is held.")
    else:
        return False
    return True


def _reply(session: Session, triage: "Triage", message: str) -> None:
    from outreply_cli.comments.replies import check_reply

    check_reply(message)
    triage.reply(message)
    session.note("Held: it goes out with your next step; u takes it back.")


def _send_held(session: Session, triage: "Triage") -> None:
    try:
        triage.send_held()
    except OutReplyError as problem:
        session.warn(f"the last reply was not sent: {problem.message}")


def _show(session: Session, view: "CommentView", current: "Waiting", left: int) -> None:
    from outreply_cli.commands.comments_output import item_of, who

    item = item_of(current.group, current.placed)
    text = harmless(str(item.get("message") or ""), keep_lines=True)
    session.tell(
        f"\n{view.heading(current.group)}\n"
        f"{harmless(who(item))}, {view.age(item)}  ({left} left)\n{text}\n"
    )
