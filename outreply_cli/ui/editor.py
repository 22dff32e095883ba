"""A message written in the user's editor."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import TextEncodingError, decode_text
from outreply_cli.subprocesses import split_command, strip_secrets


def edit_message(environ: Mapping[str, str], draft: str = "") -> str:
    """The text that the user saves in `$VISUAL` or `$EDITOR`, without trailing white space.

    Raises:
        InvalidInputError: No editor is set, it failed, or the text is empty.
    """
    editor = environ.get("VISUAL") or environ.get("EDITOR")
    if not editor:
        raise InvalidInputError("no editor found", hint="Set EDITOR, or use -m or -F.")
    with tempfile.TemporaryDirectory(prefix="outreply-") as directory:
        path = Path(directory, "message.txt")
        path.write_text(draft, encoding="utf-8")
        try:
            words = [*split_command(editor, "EDITOR"), str(path)]
            completed = subprocess.run(words, env=strip_secrets(environ), check=False)  # noqa: S603 - the user's editor
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"cannot run the editor {editor!r}: {error}") from None
        if completed.returncode != 0:
            raise InvalidInputError(
                f"the editor exited with {completed.returncode}; nothing was sent"
            )
        try:
            text = decode_text(path.read_bytes()).rstrip()
        except TextEncodingError as error:
            raise InvalidInputError(
                f"the message {error}; nothing was sent", hint="Set the editor to UTF-8."
            ) from None
    if not text:
        raise InvalidInputError("the message is empty; nothing was sent")
    return text
