"""The root of the command tree: what is typed is imported and built, and nothing beside it."""

import importlib
import re
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperOption

from outreply_cli.cli.options import HelpfulGroup
from outreply_cli.cli.welcome import ROOT_HELP
from outreply_cli.errors import InvalidInputError

Table = Mapping[str, tuple[str, str]]

_OF_COMMANDS = {
    "-p", "--profile", "-o", "--output", "--json", "--fields", "-q", "--quiet", "-v", "--verbose",
    "--no-color", "--plain", "--max-wait",
}  # fmt: skip

_OF_SECRETS = {"--token", "--api-key", "--api-token", "--access-token", "--password", "--secret"}

_OF_QUESTIONS = {"--yes", "-y"}
# Typer's names of types, in words.
_NO_NUMBER = {"int": "is no whole number", "float": "is no number"}

Abort = typer.Abort


class VerbGroup(HelpfulGroup):
    """A group that builds the one of its commands that is asked for."""

    def __init__(self, members: typer.Typer, **settings: Any) -> None:
        super().__init__(**settings)
        self._members = members

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the source."""
        groups = [str(each.name) for each in self._members.registered_groups]
        return [*(str(each.name) for each in self._members.registered_commands), *groups]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command called `cmd_name`."""
        for info in self._members.registered_commands:
            if info.name == cmd_name:
                return typer.main.get_command_from_info(
                    info, pretty_exceptions_short=False, rich_markup_mode=None
                )
        for group in self._members.registered_groups:
            if group.name == cmd_name and group.typer_instance is not None:
                return _group_of(group.typer_instance, cmd_name)
        return None


class RootGroup(HelpfulGroup):
    """The root: knows every command from the table, imports only the one that is typed."""

    def __init__(self, table: Table, **settings: Any) -> None:
        super().__init__(**settings)
        self._table = table

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name, in the table's order."""
        return list(self._table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command called `cmd_name`, whose module is imported for it."""
        if cmd_name not in self._table:
            return None
        loaded = importlib.import_module(f"outreply_cli.commands.{self._table[cmd_name][0]}")
        if loaded.app.registered_callback is not None:
            return _group_of(loaded.app, cmd_name)
        found = typer.main.get_command(loaded.app)
        found.name = cmd_name
        return found

    def purpose_of(self, ctx: Any, name: str) -> str:
        """One line about a command, from the table: help imports none of them."""
        return self._table[name][1]


def root_group(table: Table) -> RootGroup:
    """The root of the commands in `table`: name -> (module, help line)."""
    version = TyperOption(
        param_decls=["--version"], is_flag=True, default=False, help="Show the version."
    )
    return RootGroup(
        table, name="outreply", help=ROOT_HELP, params=[version], no_args_is_help=True,
        rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]},
        callback=lambda **_: None,
    )  # fmt: skip


def usage_error(wrong: Any) -> InvalidInputError:
    """What Typer says of a wrong command line, as an error of ours that names what was meant."""
    context = getattr(wrong, "ctx", None)
    path = context.command_path if context is not None else "outreply"
    message, hint = wrong.format_message(), f"See: {path} --help"
    message = re.sub(
        r"is not a valid (int|float)\w*( range)?(?=\.$)", lambda it: _NO_NUMBER[it[1]], message
    )
    typed = getattr(wrong, "option_name", None)
    if typed is not None and message.startswith("No such option"):
        message = f"there is no option {typed} in {path}"
        hint = _hint_on_option(context, typed, path) or hint
    error = InvalidInputError(message, hint=hint)
    error.code = "USAGE"
    return error


def _group_of(members: typer.Typer, name: str) -> VerbGroup:
    return VerbGroup(
        members, name=name, help=str(members.info.help), no_args_is_help=True,
        rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip


def _hint_on_option(context: Any, typed: str, path: str) -> str | None:
    if typed in _OF_SECRETS:
        return (
            "No option takes a secret, as arguments are public: set OUTREPLY_API_KEY or "
            "OUTREPLY_WEBHOOK_SECRET, or sign in with: outreply auth login"
        )
    if hasattr(context.command, "list_commands") and typed in _OF_COMMANDS:
        return f"Options follow the command's words: {path} COMMAND {typed}"
    if typed in _OF_QUESTIONS:
        return f"It asks nothing: leave {typed} out"
    if not typed.startswith("--"):
        return None
    import difflib

    # The dashes that all of them begin with make no two alike.
    flags = [flag for each in context.command.params for flag in each.opts]
    known = [flag[2:] for flag in [*flags, "--help"] if flag.startswith("--")]
    near = difflib.get_close_matches(typed[2:], known, n=1)
    return f"Did you mean: --{near[0]}" if near else None
