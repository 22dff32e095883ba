"""The README's pictures are what the commands write today; `python -m tests.pictures` draws them
anew."""

import re
import tomllib
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from tests.golden_account import Stage
from tests.pictures import ALL, PICTURES, Picture, draw, picture_path

SVG = "http://www.w3.org/2000/svg"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


def texts(svg: str) -> list[str]:
    return [str(text.text) for text in ET.fromstring(svg).iter(f"{{{SVG}}}text")]  # noqa: S314 - our own


@pytest.mark.parametrize("picture", ALL, ids=lambda picture: picture.screen)
def test_a_picture_is_current(picture: Picture, stage: Stage) -> None:
    assert texts(picture_path(picture).read_text(encoding="utf-8")) == texts(draw(picture, stage))


@pytest.mark.parametrize("picture", ALL, ids=lambda picture: picture.screen)
def test_a_picture_asks_nobody_for_anything_and_is_small(picture: Picture) -> None:
    svg = picture_path(picture).read_text(encoding="utf-8")
    assert len(svg.encode()) <= 60_000
    outside = svg.replace(f'xmlns="{SVG}"', "")
    assert not re.search(r"://|@import|@font-face|href|url\((?!#)|<image|<script", outside)
    assert not re.search(r"\bwww\.|\.(?:com|org|net|io|dev)\b", outside)
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|usr|work|Users|var)/", outside)


def test_there_is_no_picture_of_what_is_gone() -> None:
    assert {path.name for path in PICTURES.iterdir()} == {picture_path(one).name for one in ALL}


def test_the_source_package_holds_what_its_tests_look_at() -> None:
    project = tomllib.loads((PICTURES.parent / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {"/tests", f"/{PICTURES.name}"} <= set(included)
