"""A message written in the person's own editor."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from outreply_cli.errors import InvalidInputError
from outreply_cli.subprocesses import split_command, strip_secrets


def edit_message(environ: Mapping[str, str], draft: str = "") -> str:
    """What the person saved in `$VISUAL` or `$EDITOR`, without white space at its end.

    Raises:
        InvalidInputError: There is no editor, it failed, or nothing was written.
    """
    editor = environ.get("VISUAL") or environ.get("EDITOR")
    if not editor:
        raise InvalidInputError(
            "--edit needs an editor", hint="Set EDITOR, or give the message with -m or -F."
        )
    descriptor, name = tempfile.mkstemp(prefix="outreply-", suffix=".txt")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(draft)
        environment = strip_secrets(environ)
        try:
            words = [*split_command(editor, "EDITOR"), name]
            ended = subprocess.run(words, env=environment, check=False)  # noqa: S603 - the person's own editor
        except (OSError, ValueError) as failure:
            raise InvalidInputError(f"the editor {editor!r} can't be run: {failure}") from None
        if ended.returncode != 0:
            raise InvalidInputError(f"the editor ended with {ended.returncode}; nothing was sent")
        text = path.read_text(encoding="utf-8-sig").rstrip()
    finally:
        path.unlink(missing_ok=True)
    if not text:
        raise InvalidInputError("the message is empty; nothing was sent")
    return text
