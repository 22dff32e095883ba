"""The values of the global options."""

from dataclasses import dataclass


@dataclass(frozen=True, eq=False, repr=False)
class GlobalOptions:
    """The options that every command of the API takes."""

    profile: str | None = None
    output: str = "table"
    fields: str | None = None
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    plain: bool = False
    max_wait: str | None = None
    print_as: str | None = None
