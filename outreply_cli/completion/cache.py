"""The completion cache: values that commands saw recently, for a shell to offer.

One private file per account holds names, IDs and the first words of texts, never a secret:
`{"allow_refresh": true, "kinds": {"page": {"at": SECONDS, "values": [[VALUE, TEXT, ID], ...]}}}`.
This module is on the critical path of TAB completion: keep its imports minimal.
"""

import json
import os
from collections.abc import Mapping, Sequence

from outreply_cli.env import select_profile, select_token_variable

FRESH_SECONDS = 300.0
SHOWN_SECONDS = 86_400.0
# Values of a kind; of more, the last ones are kept.
MAX_VALUES = 200
_DIRECTORY = "completion"
# The word to type, its meaning for people, and the ID in the API.
CachedValue = tuple[str, str, str]


class CompletionCache:
    """The cached values of an account.

    Attributes:
        entries: Values with the Unix time when they were seen, by kind.
        allow_refresh: Whether they may be refreshed in the background; not with a sandbox token,
            whose requests are limited.
    """

    def __init__(
        self, entries: Mapping[str, tuple[float, Sequence[CachedValue]]], *, allow_refresh: bool
    ) -> None:
        self.entries = entries
        self.allow_refresh = allow_refresh

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "CompletionCache":
        """Read the file at `path`; empty if it is missing or damaged."""
        try:
            with open(path, encoding="utf-8") as stream:
                document = json.load(stream)
            entries = {
                str(kind): (
                    float(entry["at"]),
                    [(str(value), str(text), str(id_)) for value, text, id_ in entry["values"]],
                )
                for kind, entry in document["kinds"].items()
            }
            return cls(entries, allow_refresh=document["allow_refresh"] is True)
        except Exception:  # noqa: BLE001 - a damaged cache is an empty one
            return cls({}, allow_refresh=False)

    def get(self, kind: str, now: float) -> Sequence[CachedValue]:
        """The values to offer at Unix time `now`."""
        at, values = self.entries.get(kind, (0.0, ()))
        return values if 0 <= now - at < SHOWN_SECONDS else ()

    def is_fresh(self, kind: str, now: float) -> bool:
        """Whether the values of a kind need no refresh at Unix time `now`."""
        return 0 <= now - self.entries.get(kind, (0.0, ()))[0] < FRESH_SECONDS

    def usernames(self) -> dict[str, str]:
        """User names by page ID, of any age."""
        _, pages = self.entries.get("page", (0.0, ()))
        return {page_id: alias.partition(":")[2] for alias, _, page_id in pages if ":" in alias}


def account_file(
    state: str | os.PathLike[str], environ: Mapping[str, str], *, flag: str | None, current: str
) -> str:
    """The cache file of the account that a command uses.

    Args:
        state: The state directory.
        environ: The environment variables.
        flag: The value of `--profile`.
        current: The current profile.
    """
    import hashlib

    variable = select_token_variable(flag, environ)
    base_url = "" if flag else environ.get("OUTREPLY_BASE_URL", "")
    if variable is not None:
        account = f"token\n{environ[variable].strip()}\n{base_url}"
    else:
        account = f"profile\n{select_profile(flag, environ) or current}\n{base_url}"
    name = hashlib.sha256(account.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return os.path.join(state, _DIRECTORY, f"{name}.json")
