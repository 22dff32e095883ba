"""Reads messages for the commands and options that they name, as a user who follows them would."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.command_line import Result

MOVE_AWAY, NEW_STATE = "move the journal away", "use another state directory"
_COMMAND = re.compile(
    r"outreply ((?:bulk|posts|store) [a-z]+"
    r"(?: (?:'[^']*'|/\S+|[0-9a-f]{24}|FILE\b|PLAN\b"
    r"|--(?:name|columns|date-order|tz) (?:'[^']*'|\S+)|--[a-z-]+))*)"
)
_NAME = re.compile(r"--name ('[^']*'|\S+)")
_AGAIN = re.compile(r"\b[Rr]un the (same )?command again")
_MAX_CANCEL = re.compile(r"--max-cancel (\d+)")
# An offer for a user who wants the posts back.
_UNDO = "To schedule the cancelled posts again"
_DECISIONS = ("--pair LINE=POST", "--new LINE", "--separate POST")
_FORBIDDEN = ("--spread", "--adopt")
_TITLE_LENGTH = 160


@dataclass(frozen=True)
class Step:
    """A command to run, and what to do before it: MOVE_AWAY, NEW_STATE or nothing."""

    words: tuple[str, ...]
    before: str = ""

    def __str__(self) -> str:
        return f"{self.before + ', then ' if self.before else ''}outreply {shlex.join(self.words)}"


@dataclass(frozen=True)
class Advice:
    """Commands and options that the messages of a command name.

    Attributes:
        commands: Commands, with FILE filled in.
        names: Values of `--name`.
        is_separate_possible: Whether a new name is named, for a separate calendar.
        says_again: Whether the same command is to be run again.
        says_yes: Whether `--yes` is named.
        requires_decisions: Whether decisions about rows and posts are required.
        says_without: Whether the command is to be run without its decisions.
        moves_away: Whether the journal is to be moved away.
        changes_state: Whether another state directory is named.
        max_cancel: The value of `--max-cancel`.
    """

    commands: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    is_separate_possible: bool
    says_again: bool
    says_yes: bool
    requires_decisions: bool
    says_without: bool
    moves_away: bool
    changes_state: bool
    max_cancel: str | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is named."""
        return not (
            self.commands or self.names or self.says_again or self.says_yes
            or self.requires_decisions or self.changes_state or self.max_cancel
        )  # fmt: skip


def parse_messages(result: Result, file: str) -> Advice:
    """Return what the messages of a command name; `file` stands for FILE."""
    text = "\n".join(line for line in _messages(result) if not line.startswith(_UNDO))
    commands = []
    for match in _COMMAND.finditer(text):
        words = [file if word == "FILE" else word for word in shlex.split(match[1])]
        words[-1] = words[-1].rstrip(".,;")
        if not {"PLAN", "--help"} & set(words):
            commands.append(tuple(words))
    text = _COMMAND.sub("", text)
    max_cancel = _MAX_CANCEL.search(text)
    return Advice(
        commands=tuple(dict.fromkeys(commands)),
        names=tuple(dict.fromkeys(
            word for match in _NAME.finditer(text) if (word := shlex.split(match[1])[0]) != "with"
        )),
        is_separate_possible="separate calendar" in text,
        says_again=_AGAIN.search(text) is not None,
        says_yes="--yes" in text,
        requires_decisions=any(option in text for option in _DECISIONS),
        says_without="Without the option" in text,
        moves_away="move it away" in text,
        changes_state="OUTREPLY_STATE_DIR" in text,
        max_cancel=max_cancel[1] if max_cancel else None,
    )  # fmt: skip


def find_forbidden(result: Result) -> list[str]:
    """Return the options in messages that could double a post."""
    return [option for option in _FORBIDDEN if option in result.out + result.err]


def title(result: Result) -> str:
    """Return the first message of a failed command."""
    lines = [line for line in _messages(result) if line.strip()]
    errors = [line for line in lines if line.startswith("Error:")]
    return (errors or lines or [""])[0][:_TITLE_LENGTH]


def all_messages(result: Result) -> str:
    """Return the messages of a command, with those of JSON errors as text."""
    return "\n".join(_messages(result))


def _messages(result: Result) -> Iterator[str]:
    for line in result.err.splitlines():
        error = _parse_error(line)
        if error is None:
            yield line
            continue
        yield f"Error: {error.get('message')}"
        details: Mapping[str, Any] = error.get("details") or {}
        yield from (str(problem["text"]) for problem in details.get("problems", ()))
        yield str(error.get("hint") or "")


def _parse_error(line: str) -> Mapping[str, Any] | None:
    try:
        error = json.loads(line)["error"]
    except (ValueError, TypeError, LookupError):
        return None
    return error if isinstance(error, dict) else None


def commands_in_table(result: Result, file: str) -> tuple[tuple[str, ...], ...]:
    """Return the commands in the output of `store status`."""
    text = result.out
    try:
        items: Sequence[Mapping[str, Any]] = json.loads(text)
    except ValueError:
        pass
    else:
        text = "\n".join(str(item.get("command")) for item in items if isinstance(item, dict))
    return parse_messages(Result(0, "", text), file).commands
