"""The rules of the platforms themselves, each with its source and the day it was entered.

`platform_rules.json` holds them, grouped by platform. A platform may refuse a post that the API
accepts. The names of the rules and their values are also those of `platforms.yaml`, the user's own
file.
"""

from collections.abc import Iterable, Iterator
from math import inf
from typing import Any, NamedTuple

from outreply_cli.formats.json import load_data
from outreply_cli.spec.platforms import long_name, platform_label
from outreply_cli.spec.rule_kinds import KINDS, Measure, PostFacts, Value

ENTERED_ON = "2026-11-28"


class Rule(NamedTuple):
    """A rule of a platform.

    Attributes:
        platform: Long name, such as `instagram`.
        name: Name of its kind, such as `max_hashtags`.
        value: Limit or requirement of the platform.
        source: URL of the platform's documentation, or the user's own file.
        is_enforced: Whether the platform certainly refuses a post that breaks the rule. Otherwise
            it may cut or ignore a part, or allow it to some accounts.
        entered_on: Day on which the rule was entered; the source may have changed since. "" for
            the user's own file.
    """

    platform: str
    name: str
    value: Value
    source: str
    is_enforced: bool = True
    entered_on: str = ENTERED_ON

    @property
    def requirement(self) -> str:
        """Text of the rule, such as `Instagram allows at most 30 hashtags`."""
        return f"{platform_label(self.platform)} {KINDS[self.name].requirement(self.value)}"


def _load_rules() -> Iterator[Rule]:
    for platform, rules in load_data(__file__, "platform_rules.json").items():
        for name, rule in rules.items():
            yield Rule(platform, name, **rule | {"value": KINDS[name].check(rule["value"])})


RULES = tuple(_load_rules())


class Finding(NamedTuple):
    """A post compared with a rule; `is_broken` is None if that is unknown."""

    rule: Rule
    measure: Measure
    is_broken: bool | None

    @property
    def field(self) -> str:
        """Field of the post that decides it."""
        return self.measure.field

    @property
    def reason(self) -> str:
        """Reason for the rejection, such as `Instagram requires an image or a video`."""
        fact = self.measure.fact()
        return f"{fact}, but {self.rule.requirement}" if fact else self.rule.requirement

    @property
    def message(self) -> str:
        """The reason, with the source of the rule and the day it was entered."""
        entered_on = f", {self.rule.entered_on}" if self.rule.entered_on else ""
        return f"{self.reason} ({self.rule.source}{entered_on})"

    @property
    def summary(self) -> str:
        """Count of the post in a few words, such as `31 of 30 hashtags`."""
        kind, measure = KINDS[self.rule.name], self.measure
        if kind.noun and measure.value is not None:
            return f"{measure.value:,} of {self.rule.value:,} {kind.noun}{measure.note}"
        return measure.fact() or kind.requirement(self.rule.value)


def evaluate_rules(rules: Iterable[Rule], post: PostFacts) -> Iterator[Finding]:
    """Compare a post with each of `rules` that concerns it."""
    for rule in rules:
        kind = KINDS[rule.name]
        limit = kind.compare_as(rule.value)
        for measure in kind.measure(post):
            value = measure.value
            yield Finding(rule, measure, None if value is None else kind.is_broken(value, limit))


def find_refusal(post: PostFacts) -> str | None:
    """The reason why a platform refuses a post that the API accepts; None if it takes it."""
    rules = [rule for rule in RULES if rule.platform == post.platform and rule.is_enforced]
    return next(
        (finding.reason for finding in evaluate_rules(rules, post) if finding.is_broken), None
    )


class _PlainLimits(NamedTuple):
    """Limits within which a printable ASCII text without media breaks no rule.

    Attributes:
        broken: Field and message of each rule that every such text breaks.
        characters: Length of the text.
        per_dot: Characters that a dot may add to the length, if it is part of a link.
        occurrences: Characters, and how often each may occur.
    """

    broken: tuple[tuple[str, str], ...]
    characters: float
    per_dot: int
    occurrences: tuple[tuple[str, float], ...]


class RuleSet:
    """The rules that are active: those of the platforms, changed by the user's own file."""

    def __init__(self, rules: Iterable[Rule] = RULES) -> None:
        self._rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.platform, []).append(rule)
        self._plain: dict[str, _PlainLimits] = {}

    def select(self, platform: str) -> list[Rule]:
        """Return the rules of a platform, by any of its names."""
        return self._rules.get(long_name(platform), [])

    def check_plain_text(self, text: str, platform: str) -> tuple[tuple[str, str], ...] | None:
        """Return field and message of each rule that a post with nothing but `text` breaks.

        The text is printable ASCII. Returns None if only `evaluate_rules` can answer; fast.
        """
        limits = self._plain.get(platform)
        if limits is None:
            limits = self._plain[platform] = self._get_plain_limits(platform)
        broken, characters, per_dot, occurrences = limits
        if len(text) + per_dot * text.count(".") > characters:
            return None
        for item, limit in occurrences:
            if text.count(item) > limit:
                return None
        return broken

    def _get_plain_limits(self, platform: str) -> _PlainLimits:
        rules = self.select(platform)
        values: dict[str, Any] = {rule.name: rule.value for rule in rules}
        occurrences = [(character, 0) for character in values.get("forbidden_characters", "")]
        occurrences += [
            (character, values[name])
            for character, name in (("#", "max_hashtags"), ("@", "max_mentions"))
            if name in values
        ]
        if not values.get("clickable_links", True):
            # Without a dot, a text has no link.
            occurrences.append((".", 0))
        # An empty post breaks the same rules on media as every text without media.
        nothing = PostFacts(long_name(platform), None)
        return _PlainLimits(
            tuple(
                (item.field, item.message)
                for item in evaluate_rules(rules, nothing)
                if item.is_broken
            ),
            min(values.get("max_characters", inf), values.get("max_bytes", inf)),
            # A link counts 23, and the shortest one is t.co.
            19 if long_name(platform) == "twitter" else 0,
            tuple(occurrences),
        )


DEFAULT_RULES = RuleSet()
