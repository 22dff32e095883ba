"""The README's section on security names a test for each claim, and each test of this package."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
README = TESTS.parent / "README.md"
NAME = re.compile(r"`(test_\w+)`")


def claims() -> list[str]:
    text = README.read_text(encoding="utf-8")
    section = text.partition("\n## Security\n")[2].partition("\n## ")[0]
    return [" ".join(item.split()) for item in re.split(r"^- ", section, flags=re.MULTILINE)[1:]]


def names_below(place: Path) -> set[str]:
    return {
        node.name
        for path in place.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_each_claim_of_the_readme_has_its_tests() -> None:
    everywhere = names_below(TESTS)
    found = claims()
    assert 20 <= len(found) <= 30
    for claim in found:
        named = NAME.findall(claim)
        assert named, claim
        assert set(named) <= everywhere, (claim, set(named) - everywhere)
        assert len(NAME.sub("", claim).split()) <= 25, claim


def test_each_test_of_security_is_named_by_a_claim() -> None:
    named = {name for claim in claims() for name in NAME.findall(claim)}
    own = {
        "test_each_claim_of_the_readme_has_its_tests",
        "test_each_test_of_security_is_named_by_a_claim",
    }
    assert names_below(Path(__file__).parent) - named == own
