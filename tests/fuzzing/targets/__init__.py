"""Every target, by name."""

from tests.fuzzing.target import Target
from tests.fuzzing.targets import (
    annotations,
    answers,
    calendars,
    commands,
    databases,
    deliveries,
    icalendars,
    media,
    moments,
    option_words,
    posts,
    screens,
    settings_files,
    signatures,
    spreadsheets,
)

_MODULES = (
    calendars, moments, option_words, posts, signatures, answers, commands, settings_files,
    databases, screens, media, spreadsheets, icalendars, annotations, deliveries,
)  # fmt: skip
TARGETS: dict[str, Target] = {
    target.name: target for module in _MODULES for target in module.TARGETS
}
