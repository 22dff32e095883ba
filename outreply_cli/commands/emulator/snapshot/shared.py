"""Options and helpers that the commands of `outreply emulator` share."""

from pathlib import Path
from typing import Annotated

import typer

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Where the snapshot is.")]
