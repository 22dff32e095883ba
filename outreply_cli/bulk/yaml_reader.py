"""Reading of YAML calendars, and of JSON ones, which are YAML documents too."""

import difflib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import yaml

from outreply_cli.bulk.calendar import (
    LIST_FIELDS,
    MESSAGE_FIELDS,
    PLATFORM_MESSAGES,
    VARIANT_FIELDS,
    Calendar,
    add_row,
    check_duplicate_keys,
    guess_field,
    normalize_field,
    split_cell,
    unknown_field_message,
)
from outreply_cli.formats.text import TextEncodingError, decode_text
from outreply_cli.spec.platforms import PLATFORM_NAMES, find_platform

# The C loader is about ten times faster, but not built everywhere.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH = 20
_MAX_VALUES = 2_000_000

_NULL = "tag:yaml.org,2002:null"
# The types of JSON.
_SCALARS = frozenset({_NULL, *(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float"))})
_TOP_LEVEL = ("name", "timezone", "variables", "defaults", "posts")
_TEXTS = MESSAGE_FIELDS | {"first_comment"}
# Fields in which variables are replaced.
_TEMPLATES = _TEXTS | {"link"}
_VARIABLE_NAME = re.compile(r"[^\W\d]\w*")
# A variable, or doubled braces that stand for themselves.
_VARIABLE = re.compile(r"\{\{\{\{|\}\}\}\}|\{\{[ \t]*(?P<name>[^\W\d]\w*)[ \t]*\}\}")
_DEFAULT_MESSAGE = "default"
# JSON writes characters beyond the basic plane as two escapes, which YAML does not join.
_SURROGATES = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE
)
# Characters that JSON allows in strings, and YAML rejects or takes for line breaks.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufffe\uffff]")
# A YAML comment after a value that the user may have meant as text.
_COMMENT = re.compile(r"[ \t]*(?P<text>#(?P<hashtag>[^\s#])?[^\n]*)")
_COMMENT_BELOW = re.compile(r"[ \t]*\n(?P<indent>[ \t]*)(?P<text>#[^\s#][^\n]*)")
_FIELD_LINE = re.compile(r"[\s\w-]+:\s+(?P<value>\S)")
_EXPECTED = "write `posts:` with a list of posts, each with page, scheduled_at and message"

Nodes = dict[str, tuple[yaml.Node, yaml.Node]]


class DocumentTooComplexError(Exception):
    """A document that is nested, aliased or long beyond what a calendar needs, at `line`."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def parse_yaml(calendar: Calendar, content: bytes) -> None:
    """Add the rows and problems of a YAML file to `calendar`."""
    try:
        text = decode_text(content)
    except TextEncodingError as problem:
        calendar.add_problem(problem.line, "", f"the file {problem}; save it as UTF-8")
        return
    if text.lstrip()[:1] in {"{", "["}:
        text = _SURROGATES.sub(_join_surrogates, text)
        text = _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    root = _compose(calendar, text)
    if isinstance(root, yaml.SequenceNode):
        _Reader(calendar, text).add_posts(root)
    elif isinstance(root, yaml.MappingNode):
        _Reader(calendar, text).read(root)
    elif not calendar.problems:
        calendar.add_problem(1, "", f"the file is not a calendar; {_EXPECTED}")


def insert_messages(text: str, texts: Mapping[int, str]) -> str:
    """Return a YAML or JSON document whose posts on the lines of `texts` have these messages."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    posts = root
    if isinstance(root, yaml.MappingNode):
        posts = next((value for key, value in root.value if key.value == "posts"), None)
    parts, position = [], 0
    for post in posts.value if isinstance(posts, yaml.SequenceNode) else ():
        message = texts.get(post.start_mark.line + 1)
        if message is None:
            continue
        if "{{" in message:
            message = message.replace("{{", "{{{{").replace("}}", "}}}}")
        # Also valid in YAML, even with the line breaks of Unicode.
        value = _NOT_IN_YAML.sub(
            lambda match: f"\\u{ord(match[0]):04x}", json.dumps(message, ensure_ascii=False)
        )
        own = next((value for key, value in post.value if key.value == "message"), None)
        start = end = post.start_mark.index
        if own is not None:
            start, end = own.start_mark.index, own.end_mark.index
            value = f" {value}" if text[start - 1 : start] == ":" else value
        elif post.flow_style:
            start = end = start + 1
            value = f'"message": {value}, '
        else:
            value = f"message: {value}\n{' ' * post.start_mark.column}"
        parts += [text[position:start], value]
        position = end
    return "".join([*parts, text[position:]])


def reject_yaml_bombs(text: str) -> None:
    """Parse YAML without keeping it; raises DocumentTooComplexError beyond the limits."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if count > _MAX_VALUES:
            raise DocumentTooComplexError(
                f"the document has more than {_MAX_VALUES} values; split it"
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise DocumentTooComplexError(
                    f"the document is nested more than {_MAX_DEPTH} levels deep"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            raise DocumentTooComplexError(
                f"the document uses an anchor (*{event.anchor}); write the value out, use "
                "defaults:, or put text that starts with * in quotation marks",
                event.start_mark.line + 1 if event.start_mark else 0,
            )


def _compose(calendar: Calendar, text: str) -> yaml.Node | None:
    try:
        reject_yaml_bombs(text)
        return yaml.compose(text, Loader=_Loader)
    except DocumentTooComplexError as problem:
        calendar.add_problem(problem.line, "", str(problem))
    except yaml.YAMLError as problem:
        reason = getattr(problem, "problem", None) or "unreadable"
        line, hint = _explain(problem, text)
        calendar.add_problem(line, "", f"invalid YAML: {reason}; {hint}")
    return None


def _explain(problem: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line of a syntax error, and what to do."""
    mark = getattr(problem, "problem_mark", None)
    context = str(getattr(problem, "context", None))
    if mark is None:
        return 1, "save the file as UTF-8 text"
    line = mark.line + 1
    content = text.split("\n")[mark.line] if mark.line <= text.count("\n") else ""
    if "\t" in content[: len(content) - len(content.lstrip())]:
        return line, "indent with spaces, not tabs"
    opened = getattr(problem, "context_mark", None)
    if "block scalar" in context:
        return line, "start the text on the next line, indented"
    if "quoted scalar" in context and opened is not None:
        if "escape" in str(getattr(problem, "problem", "")):
            return line, r"write \ as \\, or use single quotation marks"
        return opened.line + 1, "close the quotation mark that opens on this line"
    match = _FIELD_LINE.match(content)
    if match is None:
        return line, "indent the line like its neighbors; text of several lines goes below `|`"
    if match["value"] in "'\"":
        return line, "put the whole text in quotation marks; inside '…', write ' twice"
    return line, "put the text in quotation marks, or indent the line like its neighbors"


def _find_lost_comment(text: str, key: yaml.Node, node: yaml.ScalarNode, field: str) -> str | None:
    """Return a comment after a value that users mean as text; not all comments are."""
    is_plain = node.style in {None, ""}
    end = node.end_mark.index
    if (is_plain or field in _TEXTS) and (comment := _COMMENT.match(text, end)):
        is_lost = comment["hashtag"] or (is_plain and field in _TEXTS)
        return comment["text"] if is_lost else None
    if is_plain and field in _TEXTS and (comment := _COMMENT_BELOW.match(text, end)):
        return comment["text"] if len(comment["indent"]) > key.start_mark.column else None
    return None


def _merge_defaults(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    merged = {**defaults, **values}
    # A row's `message` replaces a default `message_file`, and so on.
    for forms in (("message",), ("message_file",)), (("scheduled_at",), ("date", "time")):
        for form, other in (forms, forms[::-1]):
            if values.keys() & form and not values.keys() & other:
                for name in other:
                    merged.pop(name, None)
    if values.keys() & {"message", "message_file"}:
        for name in PLATFORM_MESSAGES.values():
            if name not in values:
                merged.pop(name, None)
    return {name: value for name, value in merged.items() if value is not None}


class _Reader:
    """Reads a document, and adds its rows and problems to the calendar."""

    def __init__(self, calendar: Calendar, text: str) -> None:
        self._calendar = calendar
        self._text = text
        self._variables: dict[str, str] = {}
        self._defaults: dict[str, Any] | None = {}

    def read(self, root: yaml.MappingNode) -> None:
        """Read a document with more than posts."""
        top = self._read_mapping(root, "")
        for name, (key, _) in top.items():
            # Editors find the schema of a JSON file by `$schema`.
            if name not in {*_TOP_LEVEL, "$schema"}:
                message = f"unknown key {name!r}; use only {', '.join(_TOP_LEVEL)}"
                self._add_problem(key, name, message)
        nodes = {name: value for name, (_, value) in top.items()}
        if "name" in nodes:
            self._calendar.name = self._read_text(nodes["name"], "name")
        if "timezone" in nodes:
            self._calendar.timezone = self._read_text(nodes["timezone"], "timezone")
        if "variables" in nodes:
            self._read_variables(nodes["variables"])
        if "defaults" in nodes:
            self._defaults = self._read_values(nodes["defaults"], "defaults")
        posts = nodes.get("posts")
        if isinstance(posts, yaml.SequenceNode):
            self.add_posts(posts)
        else:
            message = f"`posts` is missing or not a list; {_EXPECTED}"
            self._add_problem(posts or root, "posts", message)

    def _read_variables(self, node: yaml.Node) -> None:
        if not isinstance(node, yaml.MappingNode):
            message = "not a mapping of names to texts (for example city: Paris)"
            self._add_problem(node, "variables", message)
            return
        for name, (key, value) in self._read_mapping(node, "variables").items():
            if _VARIABLE_NAME.fullmatch(name) is None:
                message = f"{name!r} is not a variable name; use letters, digits and _"
                self._add_problem(key, "variables", message)
            self._check_lost_text(key, value, "message")
            self._variables[name] = self._read_text(value, f"variables: {name}") or ""

    def add_posts(self, posts: yaml.SequenceNode) -> None:
        """Add the rows and problems of the posts to the calendar."""
        calendar = self._calendar
        for node in posts.value:
            known = len(calendar.problems)
            values = self._read_values(node, "posts")
            calendar.problems[known:] = [
                problem._replace(row_line=_line(node)) for problem in calendar.problems[known:]
            ]
            if values is not None and self._defaults is not None:
                add_row(calendar, _line(node), _merge_defaults(values, self._defaults))
        check_duplicate_keys(calendar)

    def _read_values(self, node: yaml.Node, parent: str) -> dict[str, Any] | None:
        if not isinstance(node, yaml.MappingNode):
            message = "not a mapping of fields (for example page: instagram:acme)"
            self._add_problem(node, parent, message)
            return None
        values: dict[str, Any] = {}
        for name, (key, value) in self._read_mapping(node, parent).items():
            field = normalize_field(name)
            if field is None:
                message = unknown_field_message(name, guess_field(name))
                self._add_problem(key, name, message)
                continue
            if parent == "variants" and field not in VARIANT_FIELDS:
                message = f"not a field of a variant; use only {', '.join(VARIANT_FIELDS)}"
                self._add_problem(key, name, message)
                continue
            if field != "variants":
                self._check_lost_text(key, value, field)
            if field == "message" and isinstance(value, yaml.MappingNode):
                found = self._read_messages(value)
            elif field == "variants":
                found = {field: self._read_variants(key, value)}
            else:
                found = {field: self._read_value(value, field)}
            for found_field, found_value in found.items():
                if found_field in values:
                    message = f"duplicate field {found_field}; keep one of them"
                    self._add_problem(key, name, message)
                else:
                    values[found_field] = found_value
        return values

    def _read_messages(self, node: yaml.MappingNode) -> dict[str, Any]:
        """Return the fields of a message with texts for single platforms."""
        found: dict[str, Any] = {}
        for name, (key, value) in self._read_mapping(node, "message").items():
            platform = find_platform(name)
            if name != _DEFAULT_MESSAGE and platform is None:
                names = ", ".join((_DEFAULT_MESSAGE, *PLATFORM_NAMES))
                message = f"unknown platform {name!r}; use {names}"
                self._add_problem(key, "message", message)
                continue
            field = PLATFORM_MESSAGES[platform.name] if platform is not None else "message"
            if field in found:
                message = f"duplicate platform {name!r}; keep one of them"
                self._add_problem(key, "message", message)
            found[field] = self._read_value(value, field)
        return found

    def _read_variants(self, key: yaml.Node, node: yaml.Node) -> list[dict[str, Any]] | None:
        """Return the fields of each variant; a text is its message."""
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            message = "not a list of texts, or of mappings with message and media_files"
            self._add_problem(node, "variants", message)
            return None
        variants: list[dict[str, Any]] = []
        for item in node.value:
            if isinstance(item, yaml.MappingNode):
                fields = self._read_values(item, "variants") or {}
            else:
                self._check_lost_text(key, item, "message")
                fields = {"message": self._read_value(item, "message")}
                if fields["message"] is None and isinstance(item, yaml.ScalarNode):
                    message = "the variant is empty; write its message"
                    self._add_problem(item, "variants", message)
            variants.append({name: value for name, value in fields.items() if value is not None})
        return variants

    def _read_value(self, node: yaml.Node, field: str) -> Any:
        if field == "tiktok_settings" and isinstance(node, yaml.MappingNode):
            try:
                return _to_json(node)
            except ValueError as problem:
                self._add_problem(node, field, f"not valid as JSON: {problem}")
                return None
        if field in LIST_FIELDS:
            nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
            entries = [entry for item in nodes if (entry := self._read_text(item, field))]
            if entries and field.startswith("media_") and isinstance(node, yaml.ScalarNode):
                return split_cell(self._calendar, field, entries[0]) or None
            return [entry.strip() for entry in entries] or None
        text = self._read_text(node, field)
        if text is not None and field in _TEMPLATES and "{{" in text:
            text = self._replace_variables(text, node, field)
        return text if text is None or field in MESSAGE_FIELDS else text.strip()

    def _replace_variables(self, text: str, node: yaml.Node, field: str) -> str:
        def find(match: re.Match[str]) -> str:
            name = match["name"]
            if name is None:
                return match[0][:2]
            if name not in self._variables:
                # The text of a block starts on the next line.
                is_block = isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}
                line = _line(node) + is_block + text.count("\n", 0, match.start())
                near = difflib.get_close_matches(name, self._variables, n=1)
                hint = f"did you mean {near[0]!r}?" if near else "add it to `variables`"
                message = f"unknown variable {name!r}; {hint}"
                self._calendar.add_problem(line, field, message)
            return self._variables.get(name, "")

        return _VARIABLE.sub(find, text)

    def _read_mapping(self, node: yaml.MappingNode, parent: str) -> Nodes:
        nodes: Nodes = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._add_problem(key, parent, "a field name must be text")
            elif key.value in nodes:
                message = (
                    f"duplicate key, also on line {_line(nodes[key.value][0])}; keep one of them"
                )
                self._add_problem(key, key.value, message)
            else:
                nodes[key.value] = (key, value)
                self._check_colon(key, value)
        return nodes

    def _check_colon(self, key: yaml.ScalarNode, value: yaml.Node) -> None:
        """Add an error for a field that exists only because a comma ends text without quotes."""
        end, start = key.end_mark.index, value.start_mark.index
        if start == value.end_mark.index and ":" not in self._text[end:start]:
            message = (
                f"without a colon, YAML reads {key.value!r} as a field without a value; put the "
                "text in quotation marks, or remove it"
            )
            self._add_problem(key, key.value, message)

    def _read_text(self, node: yaml.Node, field: str) -> str | None:
        # The scalar as written: YAML would turn 2026-12-24 into a date and 18:00 into a number.
        if isinstance(node, yaml.ScalarNode):
            return None if node.tag == _NULL or not node.value.strip() else str(node.value)
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
        message = f"must be text, not {kind}; put text that starts with [ or {{ in quotation marks"
        self._add_problem(node, field, message)
        return None

    def _check_lost_text(self, key: yaml.Node, node: yaml.Node, field: str) -> None:
        """Add an error for each part of a value that YAML takes for its own syntax."""
        if isinstance(node, yaml.CollectionNode):
            for child in node.value:
                for part in child if isinstance(child, tuple) else (child,):
                    self._check_lost_text(key, part, field)
        if not isinstance(node, yaml.ScalarNode):
            return
        written = self._text[node.start_mark.index : node.end_mark.index]
        if written[:1] in {"&", "!"} and not written.startswith("!!"):
            message = f"YAML drops {written.split()[0]!r}; put the text in quotation marks"
            self._add_problem(node, field, message)
        comment = _find_lost_comment(self._text, key, node, field)
        if comment is not None:
            message = (
                f"YAML drops {comment.rstrip()!r} as a comment; put the text in quotation marks, "
                "or the comment on its own line"
            )
            self._calendar.add_problem(node.end_mark.line + 1, field, message)

    def _add_problem(self, node: yaml.Node, field: str, message: str) -> None:
        self._calendar.add_problem(_line(node), field, message)


def _to_json(node: yaml.Node) -> Any:
    """Convert a node to JSON values; what JSON has no type for, such as a date, stays text."""
    if isinstance(node, yaml.MappingNode):
        if not all(isinstance(key, yaml.ScalarNode) for key, _ in node.value):
            raise ValueError("a name must be text")
        values = {str(key.value): _to_json(value) for key, value in node.value}
        if len(values) < len(node.value):
            raise ValueError("a name occurs twice; keep one of them")
        return values
    if isinstance(node, yaml.SequenceNode):
        return [_to_json(item) for item in node.value]
    if node.tag not in _SCALARS:
        return str(node.value)
    try:
        value = yaml.constructor.SafeConstructor().construct_object(node)
    except (KeyError, IndexError, ValueError):
        raise ValueError(f"invalid {node.tag.rpartition(':')[2]} {node.value!r}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{node.value!r} is not a finite number")
    return value


def _join_surrogates(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return f"{match[1]}\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08X}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
