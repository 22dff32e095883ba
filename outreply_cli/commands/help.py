"""`outreply help`: topics, and the help of any command."""

import difflib
from pathlib import Path
from typing import Annotated, Any

import typer

from outreply_cli.cli.options import HelpfulCommand, describe, new_command
from outreply_cli.cli.tree import read_tree
from outreply_cli.context import Session
from outreply_cli.errors import InvalidInputError

app = new_command()

TOPICS = ("times", "calendar", "environment", "exit-codes", "output", "webhooks")
_DIRECTORY = Path(__file__).parent.parent / "topics"


@app.command("help", cls=HelpfulCommand)
def help_about(
    ctx: typer.Context,
    about: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC|COMMAND...]", help="What to explain; all topics without."),
    ] = None,
    man: Annotated[bool, typer.Option("--man", help="As a manual page, for: man -l -")] = False,
) -> None:
    """Explain a topic or a command.

    Example: outreply help times

    Example: outreply help posts schedule
    """
    session: Session = ctx.obj
    root = ctx.find_root()
    words = about or []
    if man:
        from outreply_cli.cli.man_pages import manual_page

        session.output.show_text(manual_page(read_tree(root.command, root), words, _read_topic))
    elif not words:
        _list_topics(session)
    elif len(words) == 1 and words[0] in TOPICS and words[0] != "webhooks":
        _show_topic(session, words[0])
    elif words == ["webhooks"]:
        # It is a group as well, whose help names its commands.
        _show_topic(session, "webhooks")
        session.output.show_text("Its commands: outreply webhooks --help")
    else:
        session.output.show_text(_command_page(session, root, words))


def _list_topics(session: Session) -> None:
    width = max(map(len, TOPICS))
    lines = [f"  {name:<{width}}  {_read_topic(name).splitlines()[0]}" for name in TOPICS]
    session.output.show_text(
        "\n".join([
            "Topics:", *lines, "",
            "Read one: outreply help TOPIC",
            "A command: outreply help posts schedule, or outreply posts schedule --help",
        ])
    )  # fmt: skip


def _show_topic(session: Session, name: str) -> None:
    from outreply_cli.cli.help_page import topic_page

    session.output.show_text(topic_page(_read_topic(name), session.output))


def _read_topic(name: str) -> str:
    return (_DIRECTORY / f"{name}.txt").read_text(encoding="utf-8")


def _command_page(session: Session, root: Any, words: list[str]) -> str:
    from outreply_cli.cli.help_page import help_page

    command = root.command
    path: list[str] = []
    for word in words:
        names = command.list_commands(root) if hasattr(command, "list_commands") else []
        found = command.get_command(root, word) if word in names else None
        if found is None:
            raise _nothing_about(words, word, path, names)
        command, path = found, [*path, word]
    return help_page(describe(command, path, root), session.output)


def _nothing_about(
    words: list[str], word: str, path: list[str], names: list[str]
) -> InvalidInputError:
    known = [*names, *([] if path else TOPICS)]
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        hint = f"Did you mean: outreply help {' '.join([*path, near[0]])}"
    elif path:
        hint = f"See: outreply {' '.join(path)} --help"
    else:
        hint = "See: outreply help"
    return InvalidInputError(f"there is nothing about {' '.join(words)!r}", hint=hint)
