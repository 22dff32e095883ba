"""What ends a command of several items, some of which failed."""

from collections.abc import Sequence

from outreply_cli.errors import OutReplyError, PartialFailureError


def raise_failures(failures: Sequence[tuple[str, OutReplyError]], asked: int) -> None:
    """Raise what stopped the only one of `asked` items, or PartialFailureError for several."""
    if not failures:
        return
    if asked == 1:
        raise failures[0][1]
    raise PartialFailureError(
        f"{len(failures)} of {asked} failed: "
        + "; ".join(f"{name}: {error.message}" for name, error in failures),
        hint=next((error.hint for _, error in failures if error.hint), None),
        details={"failed": [{"id": name, "code": error.code} for name, error in failures]},
    )
