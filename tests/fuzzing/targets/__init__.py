"""All fuzzing targets by name."""

from tests.fuzzing.target import Target
from tests.fuzzing.targets import (
    annotations,
    calendars,
    commands,
    databases,
    deliveries,
    environment,
    icalendars,
    media,
    option_values,
    output_formats,
    posts,
    responses,
    screens,
    settings_files,
    signatures,
    times,
)

_MODULES = (
    calendars, times, option_values, posts, signatures, responses, commands, settings_files,
    databases, screens, media, output_formats, icalendars, annotations, deliveries, environment,
)  # fmt: skip
TARGETS: dict[str, Target] = {
    target.name: target for module in _MODULES for target in module.TARGETS
}
