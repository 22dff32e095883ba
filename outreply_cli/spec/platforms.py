"""The six platforms, their codes and guardrails (reference: Tiers & limits)."""

from dataclasses import dataclass


@dataclass(frozen=True, eq=False, repr=False)
class Platform:
    """A platform.

    Attributes:
        name: Name in lists and filters, such as `instagram`.
        code: Code in `/posts/publish` and `/account`, such as `IG`.
        label: Display name.
        per_hour: Publishes per page in a rolling hour; None without a limit.
        per_day: Publishes per page in rolling 24 hours; None without a limit.
        first_comment: Whether `first_comment` is supported.
    """

    name: str
    code: str
    label: str
    per_hour: int | None
    per_day: int | None
    first_comment: bool


PLATFORMS: tuple[Platform, ...] = (
    Platform("facebook", "FB", "Facebook", 10, 40, first_comment=True),
    Platform("instagram", "IG", "Instagram", 8, 30, first_comment=True),
    Platform("linkedin", "LN", "LinkedIn", 3, 15, first_comment=False),
    Platform("tiktok", "TT", "TikTok", 10, 50, first_comment=False),
    Platform("twitter", "TW", "X", 50, 300, first_comment=False),
    Platform("youtube", "YT", "YouTube", None, None, first_comment=False),
)
# The names that messages suggest; the API calls X `twitter`.
PLATFORM_NAMES = tuple(platform.label.lower() for platform in PLATFORMS)
_BY_NAME = {
    name: platform
    for platform in PLATFORMS
    for name in (platform.name, platform.code.lower(), platform.label.lower())
}


def find_platform(text: str) -> Platform | None:
    """Return the platform named `instagram`, `IG` or `x`, in any case, or None."""
    return _BY_NAME.get(text.strip().lower())


def long_name(text: str) -> str:
    """Return the name in lists for any name of a platform; unknown names are returned as is."""
    platform = find_platform(text)
    return platform.name if platform else text


def platform_label(text: str) -> str:
    """Return the display name for any name of a platform; unknown names are returned as is."""
    platform = find_platform(text)
    return platform.label if platform else text
