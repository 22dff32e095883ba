"""`outreply help`: topics, and the help of any command."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outreply_cli.cli.tree import Command, tree_from_typer
from outreply_cli.cli.typer_adapter import CommandSpec, to_command
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import did_you_mean

if TYPE_CHECKING:
    from outreply_cli.spec.platform_rules import Rule

TOPICS = (
    "times", "calendar", "slots", "platforms", "compose", "reliability", "team", "environment",
    "exit-codes", "output", "webhooks", "security",
)  # fmt: skip
_DIRECTORY = Path(__file__).parent.parent / "topics"


def _help(
    ctx: typer.Context,
    about: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC|COMMAND...]",
            help="Topic or command to explain (default: list all topics).",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole command tree as JSON.")
    ] = False,
    man: Annotated[
        bool, typer.Option("--man", help="Print a man page; pipe it to: man -l -")
    ] = False,
) -> None:
    """Explain a topic or a command.

    Example: outreply help times

    Example: outreply help posts schedule
    """
    context: Context = ctx.obj
    root = ctx.find_root().command
    words = about or []
    if as_json:
        from outreply_cli.cli.reference import tree_as_json

        tree = tree_as_json(_find(tree_from_typer(root), words))
        context.output.print_text(json.dumps(tree, indent=2, ensure_ascii=False))
    elif man:
        from outreply_cli.cli.man_pages import man_page

        context.output.print_text(man_page(tree_from_typer(root), words, _read_topic))
    elif not words:
        _list_topics(context)
    elif len(words) == 1 and words[0] in TOPICS:
        _show_topic(context, words[0])
    else:
        context.output.print_text(_command_page(context, root, words))


run = CommandSpec(_help)


def _list_topics(context: Context) -> None:
    width = max(map(len, TOPICS))
    lines = [f"  {name:<{width}}  {_read_topic(name).splitlines()[0]}" for name in TOPICS]
    context.output.print_text(
        "\n".join([
            "Topics:", *lines, "",
            'Use "outreply help TOPIC" to read one, "outreply COMMAND --help" for a command.',
        ])
    )  # fmt: skip


def _show_topic(context: Context, name: str) -> None:
    from outreply_cli.cli.help_page import topic_page

    context.output.print_text(topic_page(_read_topic(name), context.output))
    if name in {"slots", "webhooks"}:
        # The group of the same name has a help page too.
        context.output.print_text(f'Use "outreply {name} --help" for the commands.')


def _list_rules() -> Iterator[str]:
    """Yield the rules of the platforms as `platforms.yaml` would say them, below their sources."""
    from itertools import groupby

    from outreply_cli.spec.platform_rules import RULES
    from outreply_cli.spec.platforms import platform_label

    for platform, rules in groupby(RULES, lambda rule: rule.platform):
        yield f"{platform_label(platform)}:"
        for source, group in groupby(sorted(rules, key=_get_origin), _get_origin):
            yield f"  {source}"
            for rule in group:
                value = json.dumps(rule.value).replace('"', "")
                yield f"    {rule.name}: {value}"


def _get_origin(rule: "Rule") -> str:
    return f"{rule.source} ({rule.entered_on})"


def _read_topic(name: str) -> str:
    text = (_DIRECTORY / f"{name}.txt").read_text(encoding="utf-8")
    if name == "platforms":
        return text.replace("{rules}", "\n".join(_list_rules()))
    if name != "calendar":
        return text
    from outreply_cli.bulk.calendar import FIELD_TABLE, PLATFORM_MESSAGES

    # One line for the texts of all platforms.
    shown = "message_x"
    listed = [
        field
        for field in FIELD_TABLE
        if field.name == shown or field.name not in PLATFORM_MESSAGES.values()
    ]
    width = max(len(field.name) for field in listed)
    fields = "\n".join(
        f"  {field.name:<{width}}  {field.help}"
        + ("; or message_linkedin, …" if field.name == shown else "")
        for field in listed
    )
    return text.replace("{fields}", fields)


def _command_page(context: Context, root: Any, words: list[str]) -> str:
    from outreply_cli.cli.help_page import help_page

    command = root
    path: list[str] = []
    for word in words:
        names = command.list_commands(None) if hasattr(command, "list_commands") else []
        if word not in names:
            raise _unknown_subject(words, word, path, names)
        command, path = command.get_command(None, word), [*path, word]
    return help_page(to_command(command, path), context.output)


def _find(root: Command, words: list[str]) -> Command:
    found = root.find(words)
    if found is None and len(words) == 1 and words[0] in TOPICS:
        raise InvalidInputError(
            f"--json describes commands, and {words[0]!r} is a topic",
            hint=f"Run: outreply help {words[0]}",
        )
    if found is None:
        names = [command.path[-1] for command in root.commands]
        raise _unknown_subject(words, words[0], [], names)
    return found


def _unknown_subject(
    words: list[str], word: str, path: list[str], names: list[str]
) -> InvalidInputError:
    known = [*names, *([] if path else TOPICS)]
    hint = did_you_mean(word, known, prefix=" ".join(["outreply help", *path, ""]))
    see = f"See: outreply {' '.join(path)} --help" if path else "See: outreply help"
    return InvalidInputError(f"unknown topic or command: {' '.join(words)}", hint=hint or see)
