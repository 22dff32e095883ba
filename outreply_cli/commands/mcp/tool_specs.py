"""The tools of the server, generated from the command tree.

A tool has the options of its command, except those that read or write files of this machine,
confirm, or choose the output. Only the commands that are named here are tools.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outreply_cli.cli.tree import Command, Parameter
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.text import is_unicode

# Commands that read the account, or need none. Not `store`: the journal has all accounts.
READS = (
    "auth status", "status", "brands list", "brands show", "pages list", "pages show",
    "pages check", "posts list", "posts show", "posts calendar", "posts check", "posts preview",
    "slots list", "slots preview", "bulk check", "bulk preview", "bulk schema", "comments list",
    "comments inbox", "media list", "media show", "quota show", "quota check", "quota forecast",
    "errors",
)  # fmt: skip
# Commands that change the account, with the scope that allows each without an approval.
WRITES = {
    "posts schedule": "write:posts",
    "posts publish": "write:posts",
    "posts edit": "write:posts",
    "posts reschedule": "write:posts",
    "posts cancel": "write:posts",
    "bulk schedule": "write:posts",
    "comments reply": "write:comments",
}
# Commands that show what they would do.
DRY_RUNS = frozenset(
    {"posts schedule", "posts publish", "posts edit", "bulk schedule", "comments reply"}
)
# Commands to which an idempotency key is given, so that a repeated request makes one post.
KEYED = frozenset({"posts schedule", "posts publish", "comments reply"})
_CONFIRMING = frozenset({"posts publish", "posts edit", "comments reply"})
# The text of a calendar takes the place of its file.
_CALENDARS = frozenset({"bulk check", "bulk preview", "bulk schedule"})
# Options that a tool may take. Others could read or write files, run a program, confirm, or choose
# another account, and a new option must not become one of these by itself.
_OPTIONS = frozenset({
    "--all", "--at", "--brand", "--clear", "--contains", "--date-order", "--days", "--failed",
    "--first-comment", "--from", "--limit", "--link", "--media", "--message", "--min-publishes",
    "--min-reads", "--min-replies", "--month", "--name", "--no-adopt", "--page", "--pages",
    "--platform", "--published", "--replace", "--scheduled", "--since", "--sort", "--spread",
    "--spread-window", "--strict", "--tiktok", "--tz", "--unanswered", "--until", "--unused",
    "--utm", "--warn-at", "--week",
})  # fmt: skip
# Posts are named by their IDs: a selection may find others when the plan is applied.
_SELECTING = frozenset({"--all", "--page", "--since", "--until"})
_NUMBERS = frozenset({"COUNT", "DAYS"})
_DESCRIPTIONS = {
    "media": "Attach images or videos: https:// URLs, or IDs such as media:ID.",
    "posts reschedule at": "New time, such as 2026-12-24T18:00:00+01:00.",
}
# Part of the help that applies to the command line only.
_REPEATABLE = " (repeatable)"
_UPLOAD_HINT = "Ask the user to upload local files: outreply media upload FILE"
_MEDIA = re.compile(r"https://\S+|media:[A-Za-z0-9_-]+")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
_MAX_CALENDAR_CHARACTERS = 200_000
# Linux limits an argument of a process to 128 KiB.
_MAX_CHARACTERS = 20_000


@dataclass(frozen=True)
class CommandCall:
    """A command line that a tool call runs.

    Attributes:
        command: Words of the command, such as `posts schedule`.
        words: The whole command line after `outreply`.
        stdin: Text of a calendar; empty without one.
    """

    command: str
    words: Sequence[str]
    stdin: str = ""

    @property
    def positional(self) -> list[str]:
        """The arguments that are not options."""
        return list(self.words[self.words.index("--") + 1 :])

    @property
    def arguments(self) -> list[str]:
        """The arguments and options, for people."""
        words = self.words[len(self.command.split()) :]
        return [word for word in words if word not in {"--", "--json", "-"}]


@dataclass(frozen=True)
class ToolSpec:
    """A tool that runs a command."""

    command: Command

    @property
    def name(self) -> str:
        """The name of the command."""
        return " ".join(self.command.path)

    @property
    def tool_name(self) -> str:
        """The name of the tool."""
        return "_".join(self.command.path).replace("-", "_")

    @property
    def is_write(self) -> bool:
        """Whether the command changes the account."""
        return self.name in WRITES

    @property
    def description(self) -> str:
        """Description of the tool."""
        text = self.command.summary
        if self.is_write:
            text += (
                " Returns a plan; nothing is sent until it is applied with plan_apply, "
                "which needs the approval of the user unless the limits of the server allow it."
            )
        return text

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        properties: dict[str, Any] = {}
        required = []
        for parameter in self._parameters():
            properties[_name(parameter)] = _property(self.name, parameter)
            if parameter.is_required:
                required.append(_name(parameter))
        if self.name in _CALENDARS:
            text = "Calendar as CSV or YAML text; media as https:// URLs or media IDs."
            properties["calendar"] = {"type": "string", "description": text}
            required.append("calendar")
        properties["rehearse"] = {
            "type": "boolean",
            "description": "Run it on a local emulator that has the pages of the account.",
        }
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def call(self, arguments: Mapping[str, Any]) -> CommandCall:
        """The command line for arguments.

        Raises:
            InvalidInputError: An argument is unknown, or has a value that a tool must not take.
        """
        values = {name: value for name, value in arguments.items() if name != "rehearse"}
        stdin = ""
        options: list[str] = []
        positional: list[str] = []
        if self.name in _CALENDARS:
            stdin = _text(values.pop("calendar", None), "calendar", _MAX_CALENDAR_CHARACTERS)
            positional.append("-")
        for parameter in self._parameters():
            if _name(parameter) not in values:
                continue
            value = values.pop(_name(parameter))
            if not parameter.takes_value:
                if not isinstance(value, bool):
                    raise InvalidInputError(
                        f"{_name(parameter)}: not a boolean", hint="Use true or false."
                    )
                options += [parameter.flags[0]] if value else []
                continue
            # With several values of another option, the last is sent, but all would be shown.
            items = value if isinstance(value, list) and _is_list(parameter) else [value]
            texts = [self._check(parameter, item) for item in items]
            if parameter.flags:
                options += [f"{parameter.flags[0]}={text}" for text in texts]
            else:
                positional += texts
        if values:
            raise InvalidInputError(
                f"unknown argument {min(values)!r} for {self.tool_name}",
                hint="See the schema of the tool.",
            )
        # The user would be asked to approve a command that cannot run.
        for name in self.schema["required"]:
            if arguments.get(name) in (None, []):
                raise InvalidInputError(f"{name} is required for {self.tool_name}")
        words = [*self.command.path, *options, "--json", "--", *positional]
        return CommandCall(self.name, words, stdin)

    def _check(self, parameter: Parameter, value: Any) -> str:
        name = _name(parameter)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidInputError(
                f"{name}: not a string or a number", hint="Use a JSON string or number."
            )
        text = _text(str(value), name)
        if name == "media" and not _MEDIA.fullmatch(text):
            raise InvalidInputError("media: not an https:// URL or media:ID", hint=_UPLOAD_HINT)
        if name == "tiktok" and text.startswith("@"):
            raise InvalidInputError("tiktok: local files cannot be used", hint="Use a JSON object.")
        # A relative time would change until the plan is applied.
        is_time = self.name == "posts reschedule" and name == "at"
        if is_time and not _ISO_TIME.fullmatch(text):
            raise InvalidInputError("at: not a full time, such as 2026-12-24T18:00:00Z")
        return text

    def _takes(self, parameter: Parameter) -> bool:
        flags = set(parameter.flags)
        if not flags:
            return self.name not in _CALENDARS
        return bool(_OPTIONS & flags) and not (self.name == "posts edit" and _SELECTING & flags)

    def _parameters(self) -> list[Parameter]:
        return [parameter for parameter in self.command.parameters if self._takes(parameter)]


def tool_specs(tree: Command) -> list[ToolSpec]:
    """The tools, in the order of the command tree."""
    names = {*READS, *WRITES}
    return [
        ToolSpec(command)
        for command in tree.walk()
        if not command.commands and " ".join(command.path) in names
    ]


def dry_run_call(call: CommandCall) -> CommandCall:
    """The command line that shows what a write would do."""
    path = call.command.split()
    return CommandCall(call.command, [*path, "--dry-run", *call.words[len(path) :]], call.stdin)


def write_call(call: CommandCall, key: str) -> CommandCall:
    """The command line that sends a write, with an idempotency key if it takes one."""
    path = call.command.split()
    added = [f"--key={key}"] if call.command in KEYED else []
    added += ["--yes"] if call.command in _CONFIRMING else []
    return CommandCall(call.command, [*path, *added, *call.words[len(path) :]], call.stdin)


def pin_arguments(call: CommandCall, pages: Sequence[str], scheduled_at: str | None) -> CommandCall:
    """The command line with what a dry run has found for names of pages and words such as `in 2h`.

    Args:
        call: The command line.
        pages: IDs of the pages.
        scheduled_at: Time of the posts; None to publish them now.
    """
    words = list(call.command.split()) + [f"--page={page}" for page in pages]
    for word in call.words[len(call.command.split()) :]:
        if word.startswith("--at="):
            words.append(f"--at={scheduled_at}")
        elif not word.startswith(("--page=", "--tz=")):
            words.append(word)
    return CommandCall(call.command, words, call.stdin)


def _name(parameter: Parameter) -> str:
    """The name of a tool's argument: that of the option or argument, with underscores."""
    name = parameter.flags[0].lstrip("-") if parameter.flags else parameter.name
    return name.replace("-", "_")


def _is_list(parameter: Parameter) -> bool:
    return parameter.multiple or (not parameter.flags and "..." in parameter.metavar)


def _property(command: str, parameter: Parameter) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": "boolean"}
    if parameter.takes_value:
        kind = {"type": "integer" if parameter.metavar in _NUMBERS else "string"}
    if _is_list(parameter):
        kind = {"type": "array", "items": kind}
    name = _name(parameter)
    text = _DESCRIPTIONS.get(f"{command} {name}") or _DESCRIPTIONS.get(name)
    return {**kind, "description": text or parameter.help.replace(_REPEATABLE, "")}


def _text(value: Any, name: str, limit: int = _MAX_CHARACTERS) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"{name}: not a string", hint="Use a JSON string.")
    if len(value) > limit:
        raise InvalidInputError(f"{name}: more than {limit:,} characters", hint="Shorten it.")
    if "\x00" in value:
        raise InvalidInputError(f"{name}: contains a null character", hint="Remove it.")
    if not is_unicode(value):
        raise InvalidInputError(f"{name}: contains a lone surrogate", hint="Use valid Unicode.")
    return value
