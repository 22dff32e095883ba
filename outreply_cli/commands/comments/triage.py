"""`outreply comments triage`."""

import webbrowser
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from outreply_cli.cli.options import command, switch
from outreply_cli.commands.comments.output import CommentView, comment_item, format_author
from outreply_cli.commands.comments.shared import (
    DaysOption,
    comment_store,
    compose_reply,
    format_answer,
    warn_if_truncated,
)
from outreply_cli.commands.composition import ComposeOptions, show_text
from outreply_cli.context import Context
from outreply_cli.errors import InterruptedRunError, InvalidInputError, OutReplyError, StorageError
from outreply_cli.formats.sanitize import sanitize

if TYPE_CHECKING:
    from outreply_cli.comments.inbox import PostComments
    from outreply_cli.comments.threads import Comment, ThreadedComment
    from outreply_cli.comments.triage import Triage
    from outreply_cli.posts.composer import Composer

_PROMPT = "[r]eply, [e]dit in $EDITOR, [s]kip, [o]pen, [u]ndo, [q]uit? "


@command()
def run(
    context: Context,
    days: DaysOption = 7,
    skipped: Annotated[bool, switch("Include comments skipped before.")] = False,
    *,
    composing: ComposeOptions,
) -> None:
    """Go through unanswered comments and reply to, skip or open each.

    A reply is sent after your next action, including q, and can be undone until then. Asks for
    confirmation if the comment was answered in the meantime. Ctrl-C and Ctrl-D discard the reply.
    The next triage continues where this one stopped.

    Example: outreply comments triage --days 30

    Example: outreply comments triage --skipped
    """
    from outreply_cli.comments.inbox import fetch_inbox, fetch_recent_posts
    from outreply_cli.comments.replies import ReplyService
    from outreply_cli.comments.triage import Triage
    from outreply_cli.ui.progress import progress

    if not context.is_interactive or context.options.output != "table":
        output = context.options.output
        reason = "requires a terminal" if output == "table" else f"does not support -o {output}"
        raise InvalidInputError(
            f"`comments triage` {reason}",
            hint="Use: outreply comments inbox --json, and outreply comments reply",
        )
    client = context.client(max_wait=None)
    now = client.now()
    composer = composing.make_composer(context, client, yes=False)
    with comment_store(context, client) as store:
        recent = fetch_recent_posts(client, now - timedelta(days=days))
        with progress(context.notes, "Reading", len(recent.posts)) as step:
            groups = fetch_inbox(client, store, recent, step=step, warn=context.warn)
        warn_if_truncated(context, recent, groups)

        def confirm(comment: "ThreadedComment", last: "Comment | None") -> bool:
            author = format_author(comment.comment) or comment.id
            answer = "may have a reply that the API does not list"
            if last is not None:
                answer = f"was already {format_answer(context, last)}"
            return context.prompt_yes_no(
                f"The comment by {author} {answer}. Send your reply as well?"
            )

        replies = ReplyService(client, store)
        triage = Triage(replies, store, groups, confirm, include_skipped=skipped)
        view = CommentView(context.output, context.zone(), now)
        dialog = _Dialog(context, triage, view, composer)
        try:
            dialog.run()
            dialog.send_queued()
        except KeyboardInterrupt:
            context.echo_err("\n")
            context.info(dialog.summary)
            raise InterruptedRunError(
                f"interrupted; {dialog.outcome}",
                hint="To continue, run: outreply comments triage",
            ) from None
    context.info(dialog.summary)


@dataclass(frozen=True)
class _Dialog:
    """The dialog with the user about each comment."""

    context: Context
    triage: "Triage"
    view: CommentView
    composer: "Composer | None"

    @property
    def summary(self) -> str:
        """Summary: how many replies were sent, and how many comments are left."""
        triage = self.triage
        return f"{triage.sent} sent, {triage.skipped} skipped, {triage.remaining} left."

    @property
    def outcome(self) -> str:
        """Result of the queued reply."""
        comment = self.triage.queued_comment
        if comment is None:
            return "no reply was waiting to be sent"
        outcome = "may have been sent" if self.triage.may_be_sent else "was not sent"
        return f"the last reply, to {format_author(comment.comment) or comment.id}, {outcome}"

    def run(self) -> None:
        """Ask about each comment until the last one, or until the user quits."""
        context, shown = self.context, None
        prompt, replies = _PROMPT, {"r", "e"}
        if self.composer is not None:
            prompt, replies = f"[c]ompose, {_PROMPT}", {"c", "r", "e"}
        while (current := self.triage.current) is not None:
            group, threaded = current
            if shown != threaded.id:
                self._show(group, threaded)
                shown = threaded.id
                # A failure is reported with the decision; the queued reply must not be lost.
                with suppress(StorageError):
                    self.triage.mark_seen()
            typed = context.prompt(prompt)
            if typed is None:
                # End of input (Ctrl-D) is handled like Ctrl-C: the queued reply is discarded.
                raise KeyboardInterrupt
            letter = typed.lower()[:1]
            if letter == "q":
                return
            try:
                if letter in replies:
                    # If it fails, no text of the next reply is lost.
                    self.triage.send_queued()
                if not self._handle_choice(group, threaded, letter):
                    unknown = f"Unknown choice {typed!r}. " if typed else ""
                    letters = "" if self.composer is None else "c, "
                    context.info(f"{unknown}Type {letters}r, e, s, o, u or q, then Enter.")
            except OutReplyError as error:
                context.warn(error.message)

    def send_queued(self) -> None:
        """Send the last reply, if there is one."""
        from outreply_cli.comments.replies import MAYBE_SENT

        try:
            self.triage.send_queued()
        except OutReplyError as error:
            self.context.info(self.summary)
            reason = error.message.removesuffix(MAYBE_SENT)
            raise error.replace(message=f"{self.outcome}: {reason}") from error

    def _handle_choice(
        self, group: "PostComments", threaded: "ThreadedComment", letter: str
    ) -> bool:
        context = self.context
        if letter == "c" and self.composer is not None:
            text = compose_reply(self.composer, group, threaded.id)
            show_text(context, "Reply", text)
            if context.prompt_yes_no("Use this reply?"):
                self._reply(text)
        elif letter == "r":
            if message := context.prompt("Reply: "):
                self._reply(message)
        elif letter == "e":
            from outreply_cli.ui.editor import edit_message

            self._reply(edit_message(context.environ))
        elif letter == "s":
            self.triage.skip()
        elif letter == "o":
            address = str(group.post.get("permalink") or "")
            if address.startswith(("https://", "http://")):
                webbrowser.open(address)
            else:
                context.info("The post has no URL.")
        elif letter == "u":
            is_undone = self.triage.undo()
            context.info("Undone; nothing was sent." if is_undone else "Nothing to undo.")
        else:
            return False
        return True

    def _reply(self, message: str) -> None:
        from outreply_cli.comments.replies import check_reply

        check_reply(message)
        self.triage.reply(message)
        self.context.info("Reply queued; enter u to undo.")

    def _show(self, group: "PostComments", threaded: "ThreadedComment") -> None:
        item = comment_item(group, threaded)
        text = sanitize(str(item.get("message") or ""), keep_lines=True)
        # Its lines must not look like those of this program, such as the head of another comment.
        text = "\n".join(f"  | {line}" for line in text.splitlines())
        self.context.echo_err(
            f"\n{self.view.heading(group)}\n"
            f"{sanitize(format_author(item))}, {self.view.age(item)}  "
            f"({self.triage.remaining} left)\n{text}\n"
        )
