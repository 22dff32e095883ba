"""The six platforms, their codes, guardrails (reference: Tiers & limits) and own rules."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Platform:
    """A platform.

    Attributes:
        name: Name in lists and filters, such as `instagram`.
        code: Code in `/posts/publish` and `/account`, such as `IG`.
        label: Display name.
        per_hour: Publishes per page in a rolling hour; None without a limit.
        per_day: Publishes per page in rolling 24 hours; None without a limit.
        max_characters: Length limit of the platform itself; None if unknown.
        first_comment: Whether `first_comment` is supported.
        required_media: Media without which the platform refuses a post: `photo` for an image or a
            video, `video` for a video; None if text is enough.
    """

    name: str
    code: str
    label: str
    per_hour: int | None
    per_day: int | None
    max_characters: int | None
    first_comment: bool
    required_media: str | None = None

    def find_refusal(self, message: str | None, media_types: Iterable[str]) -> str | None:
        """The reason why the platform refuses a post that the API accepts; None if it takes it.

        Args:
            message: The post's text.
            media_types: The types of its media, `photo` or `video`.
        """
        types = set(media_types)
        if self.required_media == "video" and "video" not in types:
            return f"{self.label} requires a video"
        if self.required_media == "photo" and not types:
            return f"{self.label} requires an image or a video"
        if self.max_characters is not None and message is not None:
            length = self.count(message)
            if length > self.max_characters:
                return (
                    f"the text has {length:,} characters, but {self.label} allows "
                    f"{self.max_characters:,}"
                )
        return None

    def count(self, text: str) -> int:
        """Return the length of `text` as the platform counts it."""
        if self.name != "twitter":
            return len(text)
        from outreply_cli.spec.x_length import count_for_x

        return count_for_x(text)


PLATFORMS: tuple[Platform, ...] = (
    Platform("facebook", "FB", "Facebook", 10, 40, None, first_comment=True),
    Platform(
        "instagram", "IG", "Instagram", 8, 30, 2_200, first_comment=True, required_media="photo"
    ),
    Platform("linkedin", "LN", "LinkedIn", 3, 15, 3_000, first_comment=False),
    Platform("tiktok", "TT", "TikTok", 10, 50, None, first_comment=False, required_media="photo"),
    Platform("twitter", "TW", "X", 50, 300, 280, first_comment=False),
    Platform(
        "youtube", "YT", "YouTube", None, None, None, first_comment=False, required_media="video"
    ),
)

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
