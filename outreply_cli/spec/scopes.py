"""What a token must hold for each command (reference: Scopes, Endpoint reference)."""

from collections.abc import Iterable
from types import MappingProxyType

from outreply_cli.spec.limits import EVERY_SCOPE, SCOPES

_POSTS = ("read:pages", "read:posts")
_SENDING = (*_POSTS, "write:posts")

# Without these it can't do its work; what a command reads where it may is not listed.
COMMAND_SCOPES = MappingProxyType(
    {
        "auth status": (),
        "brands list": ("read:brands",),
        "brands show": ("read:brands",),
        "pages list": ("read:pages",),
        "pages show": ("read:pages",),
        "posts schedule": ("read:pages", "write:posts"),
        "posts publish": ("read:pages", "write:posts"),
        "posts list": _POSTS,
        "posts show": _POSTS,
        "posts cancel": ("write:posts",),
        "posts reschedule": _SENDING,
        "posts wait": _POSTS,
        "posts calendar": _POSTS,
        "posts export": _POSTS,
        "bulk schedule": _SENDING,
        "bulk plan": _POSTS,
        "bulk apply": _SENDING,
        "bulk status": _POSTS,
        "bulk cancel": ("read:pages", "write:posts"),
        "bulk export": _POSTS,
        "comments list": ("read:pages", "read:posts", "read:comments"),
        "comments reply": ("write:comments",),
        "comments inbox": ("read:pages", "read:posts", "read:comments"),
        "comments watch": ("read:pages", "read:posts", "read:comments"),
        "comments triage": ("read:pages", "read:posts", "read:comments", "write:comments"),
        "media upload": ("write:media",),
        "media list": ("read:media",),
        "media show": ("read:media",),
        "media delete": ("write:media",),
        "media prune": ("read:media", "write:media"),
        "quota show": ("read:account",),
        "quota check": ("read:account",),
        "quota watch": ("read:account",),
        "quota forecast": ("read:account",),
        "webhooks list": (),
        "webhooks show": (),
        "webhooks create": (),
        "webhooks delete": (),
    }
)


def allowed_commands(held: Iterable[str]) -> list[str]:
    """The commands that a token with `held` can do."""
    have = set(held)
    return [
        command
        for command, needed in COMMAND_SCOPES.items()
        if EVERY_SCOPE in have or have.issuperset(needed)
    ]


def missing_scopes(held: Iterable[str]) -> dict[str, list[str]]:
    """The scopes that a token with `held` lacks, and the commands that each keeps from working."""
    have = set(held)
    if EVERY_SCOPE in have:
        return {}
    return {
        scope: [command for command, needed in COMMAND_SCOPES.items() if scope in needed]
        for scope in SCOPES
        if scope not in have
    }
