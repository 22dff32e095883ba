"""The six platforms, their codes and publish guardrails (reference: Tiers & limits)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Platform:
    """One platform as lists name it (`instagram`) and as publishes and guardrails do (`IG`).

    Attributes:
        name: The long name of lists and filters.
        code: The two-letter code of `/posts/publish` and `/account`.
        label: The name people know.
        per_hour: Publishes per page in any rolling hour; None where the reference sets none.
        per_day: Publishes per page in any rolling 24 hours; None where the reference sets none.
        customary_length: Characters after which the platform itself is known to cut or refuse.
        first_comment: Whether `first_comment` has a meaning there.
    """

    name: str
    code: str
    label: str
    per_hour: int | None
    per_day: int | None
    customary_length: int | None
    first_comment: bool


PLATFORMS: tuple[Platform, ...] = (
    Platform("facebook", "FB", "Facebook", 10, 40, None, first_comment=True),
    Platform("instagram", "IG", "Instagram", 8, 30, 2_200, first_comment=True),
    Platform("linkedin", "LN", "LinkedIn", 3, 15, 3_000, first_comment=False),
    Platform("tiktok", "TT", "TikTok", 10, 50, None, first_comment=False),
    Platform("twitter", "TW", "X", 50, 300, 280, first_comment=False),
    Platform("youtube", "YT", "YouTube", None, None, None, first_comment=False),
)

_BY_ANY_NAME = {
    spelling: platform
    for platform in PLATFORMS
    for spelling in (platform.name, platform.code.lower(), platform.label.lower())
}


def platform_named(text: str) -> Platform | None:
    """The platform that `text` names in any of its spellings (`instagram`, `IG`, `x`), or None."""
    return _BY_ANY_NAME.get(text.strip().lower())


def long_name(text: str) -> str:
    """`text` as the reference's lists spell it; an unknown platform comes back as it came."""
    platform = platform_named(text)
    return platform.name if platform else text
