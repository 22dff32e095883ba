"""`outreply help security`: each claim names its tests, each security test a claim."""

import ast
import re
from pathlib import Path

import outreply_cli

TESTS = Path(__file__).parents[1]
TOPIC = Path(outreply_cli.__file__).parent / "topics" / "security.txt"


def defined_tests(directory: Path) -> set[str]:
    return {
        node.name
        for path in directory.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_claim_names_existing_tests() -> None:
    claims = re.split(r"\n(?=  \S)", TOPIC.read_text(encoding="utf-8"))[1:]
    assert claims
    existing = defined_tests(TESTS)
    for claim in claims:
        named = re.findall(r"\btest_\w+", claim)
        # A claim of two lines is split in two; its second line names the tests.
        assert named or claim.count("\n") == 0, claim
        assert set(named) <= existing, set(named) - existing


def test_every_security_test_is_named() -> None:
    named = set(re.findall(r"\btest_\w+", TOPIC.read_text(encoding="utf-8")))
    security_tests = defined_tests(TESTS / "security")
    security_tests -= {name for name in security_tests if name.startswith("test_every_")}
    assert security_tests <= named, security_tests - named
