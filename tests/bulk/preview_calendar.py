"""A calendar of 60 posts on six platforms, with pictures, videos, links and first comments."""

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path

from PIL import Image, ImageDraw

from tests.bulk.calendars import PAGES
from tests.media.sample_files import mp4

COUNT = 60
_QUESTIONS = (
    "Three questions that we hear every week:\n1. Which grind for a French press?\n2. How long do "
    "beans keep?\n3. Do you ship abroad?\n\nThe answers are in our guide, with a table for every "
    "brewer that we know and the mistakes that we made so that you need not make them."
)
_STORY = (
    "Every Friday the roaster goes on at six, and by eight the whole street knows it. This week it "
    "is a washed Ethiopian from Yirgacheffe: lemon, jasmine, and a long sweet finish.\n\nWe roast "
    "twelve kilos at a time, taste every batch, and pack it the same day. Come by before noon and "
    "the first cup is on us.\n\nSee you there! ☕️ 👩‍🌾"
)
_TEXTS = (
    "New beans are in ☕ https://example.com/shop #coffee",
    _STORY + "\n\n#coffee #roastery #fridaymorning @acme",
    "青い鳥コーヒーの新しい豆が届きました。" * 12,
    "Short and sweet.",
    _QUESTIONS,
)
_SIZES = ((1200, 800), (1080, 1350), (800, 1600), (1600, 700), (1080, 1080))


def draw_picture(path: Path, number: int, size: tuple[int, int]) -> None:
    """Write a JPEG with circles, in colors that depend on `number`."""
    width, height = size
    image = Image.new("RGB", size, f"hsl({number * 47 % 360}, 45%, 62%)")
    draw = ImageDraw.Draw(image)
    for ring in range(6, 0, -1):
        radius = min(size) * ring // 13
        color = f"hsl({(number * 47 + ring * 24) % 360}, 60%, {28 + ring * 9}%)"
        draw.ellipse(
            (width // 2 - radius, height // 2 - radius, width // 2 + radius, height // 2 + radius),
            color,
        )
    draw.rectangle((0, 0, width - 1, height - 1), outline="black", width=8)
    image.save(path, "JPEG", quality=88)


def write_preview_calendar(directory: Path, first: datetime, *, newline: str = "\r\n") -> Path:
    """Write the calendar and its files, and return its path."""
    for number, size in enumerate(_SIZES):
        draw_picture(directory / f"picture-{number}.jpg", number, size)
    (directory / "clip.mp4").write_bytes(mp4())
    path = directory / "launch.csv"
    path.write_bytes(calendar_text(first, newline=newline).encode())
    return path


def calendar_text(first: datetime, *, newline: str = "\r\n") -> str:
    """Return the calendar as CSV."""
    stream = io.StringIO()
    names = ["key", "page", "scheduled_at", "message", "media_files", "first_comment", "link",
             "tiktok_settings"]  # fmt: skip
    writer = csv.DictWriter(stream, names, lineterminator=newline)
    writer.writeheader()
    for number in range(COUNT):
        page = PAGES[number % 6]
        at = first + timedelta(days=number // 3, hours=3 * (number % 3), minutes=7 * (number % 4))
        pictures = [f"picture-{(number + n) % 5}.jpg" for n in range(1 + number % 3)]
        has_media = page.startswith(("instagram", "tiktok", "youtube")) or number % 4 < 2
        is_video = page.startswith("youtube") or number % 11 == 9
        row = {
            "key": f"post-{number}" if number % 5 else "",
            "page": page,
            "scheduled_at": f"{at:%Y-%m-%d %H:%M}",
            "message": f"{number + 1}. {_TEXTS[number % 5]}",
            "media_files": ("clip.mp4" if is_video else ";".join(pictures)) if has_media else "",
        }
        if page.startswith(("facebook", "instagram")) and number % 2 == 0:
            row["first_comment"] = "Which one will you try first? #coffee"
        if page.startswith(("linkedin", "twitter")) and not has_media:
            row["link"] = f"https://www.example.com/blog/{number}?utm_source=plan"
        if page.startswith("tiktok"):
            row["tiktok_settings"] = '{"privacy_level": "PUBLIC_TO_EVERYONE"}'
        writer.writerow(row)
    return stream.getvalue()
