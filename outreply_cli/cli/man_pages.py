"""Man pages in roff, generated from the command tree and the help topics."""

from collections.abc import Callable, Sequence

from outreply_cli import __version__
from outreply_cli.cli.tree import Command
from outreply_cli.errors import InvalidInputError

_TOPICS = ("times", "environment", "exit-codes", "output")


def man_page_names(root: Command) -> list[str]:
    """The names of the pages: `outreply`, and `outreply-GROUP` for each group."""
    return ["outreply", *(f"outreply-{command.path[0]}" for command in root.commands
                          if command.commands)]  # fmt: skip


def man_page(root: Command, words: Sequence[str], topic: Callable[[str], str]) -> str:
    """The page about the whole tool, or about a group.

    Args:
        root: The whole command tree.
        words: The group's name, or nothing.
        topic: Returns the text of a help topic.

    Raises:
        InvalidInputError: No page has that name.
    """
    names, name = man_page_names(root), "-".join(("outreply", *words))
    command = root.find(words)
    if command is None or name not in names:
        raise InvalidInputError(
            f"unknown man page: {' '.join(words)}", hint=f"Use one of: {', '.join(names)}"
        )
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - the filter escapes
        loader=PackageLoader("outreply_cli"), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["roff"] = _escape
    is_root = not command.path
    topics = [(name, *topic(name).split("\n", 1)) for name in _TOPICS] if is_root else []
    return environment.get_template("man_page.roff").render(
        name=name, version=__version__, command=command,
        described_commands=[
            described
            for described in (command.commands if is_root else command.walk())
            if not described.commands
        ],
        topics=[
            (name.upper().replace("-", " "), title, rest.strip("\n").splitlines())
            for name, title, rest in topics
        ],
        see_also=names[1:] if is_root else names[:1],
    )  # fmt: skip


def _escape(text: str) -> str:
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    escaped = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in escaped)
    # roff reads a line that starts with these as a request.
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
