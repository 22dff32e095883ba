"""The user's own platform rules: `platforms.yaml` in the configuration directory."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import TextEncodingError, decode_text
from outreply_cli.spec.platform_rules import DEFAULT_RULES, RULES, Rule, RuleSet
from outreply_cli.spec.platforms import PLATFORMS, find_platform
from outreply_cli.spec.rule_kinds import KINDS

RULES_FILE = "platforms.yaml"
_MAX_BYTES = 100_000
_HINT = "See: outreply help platforms"


class InvalidRulesError(InvalidInputError):
    """A `platforms.yaml` that cannot be used."""

    code = "INVALID_PLATFORM_RULES"

    def __init__(self, path: Path, line: int, message: str) -> None:
        location = f"{path}:{line}" if line else str(path)
        super().__init__(f"{location}: {message}", hint=_HINT)


def load_rules(config_dir: Path) -> RuleSet:
    """Return the rules of the platforms with the changes of the user's own file, if there is one.

    Raises:
        InvalidRulesError: The file cannot be read, or has an unknown name or a wrong value.
    """
    path = config_dir / RULES_FILE
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return DEFAULT_RULES
    except OSError as error:
        raise InvalidRulesError(path, 0, f"cannot read the file: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise InvalidRulesError(path, 0, f"the file has more than {_MAX_BYTES:,} bytes")
    try:
        text = decode_text(content)
    except TextEncodingError as problem:
        message = f"the file {problem}; save it as UTF-8"
        raise InvalidRulesError(path, problem.line, message) from None
    return RuleSet(_parse(path, text))


def _parse(path: Path, text: str) -> list[Rule]:
    import yaml

    loader = None
    try:
        loader = yaml.SafeLoader(text)
        return list(_merge(path, loader, loader.get_single_node()).values())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InvalidRulesError(path, line, "special characters are not allowed") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise InvalidRulesError(path, line, error.problem or "not valid YAML") from None
    # A value that does not match its YAML tag makes the loader fail in many ways.
    except (
        ValueError, ArithmeticError, LookupError, AttributeError, TypeError, RecursionError,
    ):  # fmt: skip
        raise InvalidRulesError(path, 0, "not valid YAML") from None
    finally:
        if loader is not None:
            loader.dispose()


def _merge(path: Path, loader: Any, root: Any) -> dict[tuple[str, str], Rule]:
    """Return the rules of the table and of the file by platform and name."""
    rules = {(rule.platform, rule.name): rule for rule in RULES}
    for platform_node, rules_node in _pairs(path, root, "platforms"):
        platform = find_platform(platform_node.value)
        if platform is None:
            names = [known.name for known in PLATFORMS]
            raise _unknown_name(path, platform_node, "platform", names)
        for name_node, value_node in _pairs(path, rules_node, "rules"):
            name = name_node.value
            if name not in KINDS:
                raise _unknown_name(path, name_node, "rule", KINDS)
            value = loader.construct_object(value_node, deep=True)
            if isinstance(value, (int, float)) and ":" in value_node.value:
                # YAML 1.1 takes a ratio such as 4:5 for a number in base 60.
                value = value_node.value
            key = platform.name, name
            if value is None:
                rules.pop(key, None)
                continue
            try:
                rules[key] = Rule(*key, KINDS[name].check(value), RULES_FILE, entered_on="")
            except ValueError as error:
                message = f"{name}: must be {error}, or null to turn the rule off"
                raise InvalidRulesError(path, _line(value_node), message) from None
    return rules


def _pairs(path: Path, node: Any, what: str) -> Iterable[tuple[Any, Any]]:
    """Return the keys and values of a mapping; an empty one may be left out."""
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return ()
    if node.id != "mapping":
        message = f"must be a mapping of {what}, such as `x:` with `max_characters: 25000` below"
        raise InvalidRulesError(path, _line(node), message)
    seen = set()
    for key, _ in node.value:
        if key.id != "scalar" or key.value in seen:
            message = f"duplicate {key.value!r}" if key.id == "scalar" else "a name must be text"
            raise InvalidRulesError(path, _line(key), message)
        seen.add(key.value)
    pairs: list[tuple[Any, Any]] = node.value
    return pairs


def _unknown_name(path: Path, node: Any, kind: str, names: Iterable[str]) -> InvalidRulesError:
    import difflib

    near = difflib.get_close_matches(node.value, list(names), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; use one of: {', '.join(names)}"
    return InvalidRulesError(path, _line(node), f"unknown {kind} {node.value!r}{hint}")


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1
