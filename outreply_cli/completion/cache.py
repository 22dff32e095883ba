"""Values that commands saw a short time ago, kept so that a shell can offer them at once.

One private file for each account holds names, ids and the beginnings of texts; never a secret:
`{"may_refresh": true, "kinds": {"page": {"at": SECONDS, "values": [[VALUE, TEXT, ID], ...]}}}`.
A shell waits for this module, so it imports next to nothing.
"""

import json
import os
from collections.abc import Mapping, Sequence

from outreply_cli.env import TOKEN_VARIABLES

FRESH_SECONDS = 300.0
SHOWN_SECONDS = 86_400.0
_DIRECTORY = "completion"
# What is typed (safe on a command line as it is), what it is for people, the API's id of it.
Known = tuple[str, str, str]


class CompletionCache:
    """What is known of one account.

    Attributes:
        entries: By kind: when it was seen, in seconds since 1970, and what.
        allow_refresh: Whether they may be read anew unasked: not with a token whose requests are
            numbered.
    """

    def __init__(
        self, shelves: Mapping[str, tuple[float, Sequence[Known]]], *, may_refresh: bool
    ) -> None:
        self.entries = shelves
        self.allow_refresh = may_refresh

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "CompletionCache":
        """What the file at `path` holds; nothing where there is none, or none of ours."""
        try:
            with open(path, encoding="utf-8") as stream:
                read = json.load(stream)
            shelves = {
                str(kind): (
                    float(shelf["at"]),
                    [(str(value), str(text), str(id_)) for value, text, id_ in shelf["values"]],
                )
                for kind, shelf in read["kinds"].items()
            }
            return cls(shelves, may_refresh=read["may_refresh"] is True)
        except Exception:  # noqa: BLE001 - it is a cache: whatever is wrong with it, it is empty
            return cls({}, may_refresh=False)

    def get(self, kind: str, now: float) -> Sequence[Known]:
        """What may still be offered at `now`."""
        at, values = self.entries.get(kind, (0.0, ()))
        return values if 0 <= now - at < SHOWN_SECONDS else ()

    def is_fresh(self, kind: str, now: float) -> bool:
        """Whether it need not be read anew at `now`."""
        return 0 <= now - self.entries.get(kind, (0.0, ()))[0] < FRESH_SECONDS

    def usernames(self) -> dict[str, str]:
        """Of the pages, by page id; however long ago they were seen."""
        _, pages = self.entries.get("page", (0.0, ()))
        return {identity: alias.partition(":")[2] for alias, _, identity in pages if ":" in alias}


def account_file(
    state: str | os.PathLike[str], environ: Mapping[str, str], *, flag: str | None, current: str
) -> str:
    """Where the values of the account that a command would act for are.

    Args:
        state: The directory where state is kept.
        environ: The environment's variables.
        flag: What `--profile` says.
        current: The profile used when none is named.
    """
    import hashlib

    token = next((environ[name] for name in TOKEN_VARIABLES if environ.get(name)), None)
    address = "" if flag else environ.get("OUTREPLY_BASE_URL", "")
    if token is not None and flag is None:
        account = f"token\n{token.strip()}\n{address}"
    else:
        account = f"profile\n{flag or environ.get('OUTREPLY_PROFILE') or current}\n{address}"
    name = hashlib.sha256(account.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return os.path.join(state, _DIRECTORY, f"{name}.json")
