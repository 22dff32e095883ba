"""The options of commands that compose texts, and what these commands share."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from outreply_cli.cli.options import option
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.sanitize import sanitize

if TYPE_CHECKING:
    from outreply_cli.api.client import Client
    from outreply_cli.posts.composer import Composer

ComposeWith = Annotated[
    str | None,
    option(
        "CMD", "Compose the text with this program; see: outreply help compose", "--compose-with"
    ),
]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ComposeOptions:
    """The options of a program that composes texts."""

    compose_with: ComposeWith = None
    compose_timeout: Annotated[
        str, option("DURATION", "Kill the composing program if it runs longer than this.")
    ] = "120s"
    examples: Annotated[
        int,
        option(
            "COUNT",
            "Pass COUNT earlier posts of the page to the composing program as examples.",
            min=0,
            max=100,
        ),
    ] = 0

    def make_composer(self, context: Context, client: "Client", *, yes: bool) -> "Composer | None":
        """Return the program, or None without `--compose-with`.

        With `yes`, its texts are used without confirmation.

        Raises:
            InvalidInputError: The program is not found, or its texts cannot be confirmed.
        """
        if self.compose_with is None:
            return None
        from outreply_cli.posts.composer import OPTION, Composer
        from outreply_cli.posts.user_rules import load_rules
        from outreply_cli.subprocesses import resolve_command, strip_secrets
        from outreply_cli.times import parse_duration

        environ = strip_secrets(context.environ)
        words = resolve_command(self.compose_with, OPTION, environ)
        timeout = parse_duration(self.compose_timeout).total_seconds()
        if not yes and not context.is_interactive:
            raise InvalidInputError(
                "confirmation required: a composed text is shown before it is used",
                hint="Use --yes to confirm.",
            )
        rules = load_rules(context.config_dir)
        return Composer(client, rules, words, environ, timeout, self.examples)


def show_text(context: Context, title: str, text: str) -> None:
    """Print a composed text in full on stderr; `-q` does not suppress it."""
    # Indented, so that no line of it looks like a question of outreply.
    lines = textwrap.indent(sanitize(text, keep_lines=True), "  ", lambda _: True)
    context.echo_err(f"{sanitize(title)}:\n{lines}\n")
