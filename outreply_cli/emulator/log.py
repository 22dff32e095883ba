"""The log of internal errors."""

import sys
import traceback


def log_exception(error: Exception, during: str) -> None:
    """Write one line about an exception to stderr, which goes to `emulator.log`."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}({str(error)!r}) at {frame.filename}:{frame.lineno}"
    sys.stderr.write(f"emulator: {during!r}: {text}\n")
