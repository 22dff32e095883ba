"""The README's pictures, drawn from what the commands write: `python -m tests.pictures`."""

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.golden_account import Look, Screen, Stage
from tests.golden_screens import SCREENS

PICTURES = Path(__file__).parent.parent / ".pictures"
_WIDTH = 88
# Rich's own has fonts from elsewhere: a picture that is looked at must ask nobody for anything.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ display: none; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


@dataclass(frozen=True)
class Picture:
    """One picture of the README.

    Attributes:
        screen: What it shows, by its name among the screens.
        command: What was typed for it.
    """

    screen: str
    command: str


ALL = (
    Picture("posts-calendar-month", "outreply posts calendar --month"),
    Picture("bulk-schedule", "outreply bulk schedule spring.yaml"),
    Picture("quota-show", "outreply quota show"),
    Picture("comments-inbox", "outreply comments inbox"),
    Picture("serve-webhook", "outreply serve-webhook --forward-to localhost:3000"),
)


def picture_path(picture: Picture) -> Path:
    """Where it is kept."""
    return PICTURES / f"{picture.screen}.svg"


def draw(picture: Picture, stage: Stage) -> str:
    """The picture as SVG."""
    shown = stage.drawn(_screen(picture), Look("picture", _WIDTH))
    console = Console(
        file=io.StringIO(), record=True, width=_WIDTH, force_terminal=True, highlight=False,
        emoji=False, markup=False, legacy_windows=False, color_system="standard", _environ={},
    )  # fmt: skip
    console.print(Text("$ ", style="dim").append(picture.command, style="not dim bold"))
    console.print(Text.from_ansi(shown.rstrip("\n")), overflow="fold")
    drawn = console.export_svg(title=picture.command, code_format=_FORMAT, unique_id=picture.screen)
    return "".join(f"{line.strip()}\n" for line in drawn.splitlines() if line.strip())


def _screen(picture: Picture) -> Screen:
    return next(screen for screen in SCREENS if screen.name == picture.screen)


def main() -> None:
    """Draw all of them anew."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, Stage(Path(directory)) as stage:
        for picture in ALL:
            picture_path(picture).write_text(draw(picture, stage), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
