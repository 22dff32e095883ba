"""Files of the user, replaced atomically."""

import os
import shutil
from pathlib import Path


def replace_file(path: Path, content: bytes, *, expected: bytes | None = None) -> bool:
    """Replace the file at `path` by `content`, and keep its mode.

    If `path` is a link, the file that it points to is replaced. Return False, with nothing changed,
    if the content of the file is not `expected`.

    Raises:
        OSError: The file cannot be written.
    """
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        if expected is not None and path.read_bytes() != expected:
            return False
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True
