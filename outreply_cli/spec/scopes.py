"""Scopes that each command requires (reference: Scopes, Endpoint reference)."""

from collections.abc import Iterable, Mapping

from outreply_cli.spec.limits import EVERY_SCOPE, SCOPES

_POSTS = ("read:pages", "read:posts")
_SENDING = (*_POSTS, "write:posts")

# Required scopes only; some commands read more if they may.
COMMAND_SCOPES: Mapping[str, tuple[str, ...]] = {
    "auth status": (),
    "status": (),
    "brands list": ("read:brands",),
    "brands show": ("read:brands",),
    "pages list": ("read:pages",),
    "pages show": ("read:pages",),
    "pages check": ("read:pages",),
    "posts schedule": ("read:pages", "write:posts"),
    "posts publish": ("read:pages", "write:posts"),
    "posts check": (),
    "posts preview": (),
    "posts list": _POSTS,
    "posts show": _POSTS,
    "posts cancel": ("write:posts",),
    # An edited post is cancelled first, which needs to know the publishes left.
    "posts edit": ("read:account", *_SENDING),
    "posts reschedule": _SENDING,
    "posts wait": _POSTS,
    "posts retry": _SENDING,
    "posts calendar": _POSTS,
    "posts export": _POSTS,
    "slots list": ("read:pages",),
    "slots set": ("read:pages", "read:brands"),
    "slots clear": ("read:pages",),
    "slots preview": _POSTS,
    "bulk schedule": _SENDING,
    "bulk plan": _POSTS,
    "bulk apply": _SENDING,
    "bulk status": _POSTS,
    "bulk reconcile": _POSTS,
    "bulk cancel": ("read:pages", "write:posts"),
    "bulk export": _POSTS,
    "bulk template": (),
    "bulk preview": (),
    "bulk approve": (),
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
    "store log": (),
    "quota show": ("read:account",),
    "quota check": ("read:account",),
    "quota watch": ("read:account",),
    "quota forecast": ("read:account",),
    "analytics collect": _POSTS,
    "analytics show": (),
    "analytics report": (),
    "analytics best-times": (),
    "webhooks list": (),
    "webhooks show": (),
    "webhooks create": (),
    "webhooks delete": (),
}


def get_allowed_commands(granted: Iterable[str]) -> list[str]:
    """The commands that a token with the `granted` scopes can run."""
    scopes = set(granted)
    return [
        command
        for command, required in COMMAND_SCOPES.items()
        if EVERY_SCOPE in scopes or scopes.issuperset(required)
    ]


def missing_scopes(granted: Iterable[str]) -> dict[str, list[str]]:
    """The scopes that a token lacks, each with the commands that require it."""
    scopes = set(granted)
    if EVERY_SCOPE in scopes:
        return {}
    return {
        scope: [command for command, required in COMMAND_SCOPES.items() if scope in required]
        for scope in SCOPES
        if scope not in scopes
    }
