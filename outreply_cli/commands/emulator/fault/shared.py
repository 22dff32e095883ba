"""Options and helpers that the commands of `outreply emulator` share."""

from outreply_cli.ui.output import Column

FAULT_COLUMNS = [
    Column("Number", "number"), Column("Fault", "fault"), Column("Method", "method"),
    Column("Path", "path"), Column("Every", "every"), Column("Chance", "probability"),
    Column("Times", "times"), Column("Struck", "struck"),
]  # fmt: skip
