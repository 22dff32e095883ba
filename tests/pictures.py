"""The README's picture, drawn from the output of a command: `python -m tests.pictures`."""

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.golden_account import GoldenAccount, Screen, TerminalSetup
from tests.golden_screens import SCREENS

DIRECTORY = Path(__file__).parent.parent / ".github"
_WIDTH = 88
# Rich's format without fonts from the network: pictures must be self-contained.
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
        screen: Name of the golden screen.
        command: Command line shown above the output.
    """

    screen: str
    command: str


ALL = (Picture("bulk-schedule", "outreply bulk schedule spring.yaml"),)


def picture_path(picture: Picture) -> Path:
    """Path of the SVG file."""
    return DIRECTORY / f"{picture.screen}.svg"


def draw(picture: Picture, account: GoldenAccount) -> str:
    """Draw the picture as SVG."""
    output = account.render(_screen(picture), TerminalSetup("picture", _WIDTH))
    console = Console(
        file=io.StringIO(), record=True, width=_WIDTH, force_terminal=True, highlight=False,
        emoji=False, markup=False, legacy_windows=False, color_system="standard", _environ={},
    )  # fmt: skip
    console.print(Text("$ ", style="dim").append(picture.command, style="not dim bold"))
    console.print(Text.from_ansi(output.rstrip("\n")), overflow="fold")
    svg = console.export_svg(title=picture.command, code_format=_FORMAT, unique_id=picture.screen)
    return "".join(f"{line.strip()}\n" for line in svg.splitlines() if line.strip())


def _screen(picture: Picture) -> Screen:
    return next(screen for screen in SCREENS if screen.name == picture.screen)


def main() -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as directory, GoldenAccount(Path(directory)) as account:
        for picture in ALL:
            picture_path(picture).write_text(draw(picture, account), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
