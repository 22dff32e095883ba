"""`outreply examples`."""

from pathlib import Path
from typing import Annotated

from outreply_cli.cli.options import argument, command
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import did_you_mean
from outreply_cli.ui.columns import Column

_DIRECTORY = Path(__file__).parent.parent / "examples"
_COLUMNS = (Column("Name", "name"), Column("Description", "description", shrinkable=True))


@command(api=False)
def run(
    context: Context,
    name: Annotated[str | None, argument("[NAME]", "Example to print (default: list all).")] = None,
) -> None:
    """Print examples of scripts, workflows and webhook handlers.

    Example: outreply examples

    Example: outreply examples crontab
    """
    # pip leaves a directory of compiled files next to the examples.
    examples = {path.stem: path for path in sorted(_DIRECTORY.iterdir()) if path.is_file()}
    if name is None:
        items = [
            {"name": stem, "file": path.name, "description": _description(path)}
            for stem, path in examples.items()
        ]
        context.output.print_list(items, _COLUMNS, id_field="name")
        return
    path = examples.get(Path(name).stem)
    if path is None:
        hint = did_you_mean(name, examples, prefix="outreply examples ")
        raise InvalidInputError(f"unknown example: {name}", hint=hint or "See: outreply examples")
    context.output.write_document(path.read_text(encoding="utf-8"))


def _description(path: Path) -> str:
    """The first comment of an example, without the file name before it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = next(line for line in lines if line.startswith("# "))
    return comment.removeprefix("# ").split(": ", 1)[-1]
