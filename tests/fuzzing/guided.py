"""`python -m tests.fuzzing.guided TARGET [OPTIONS OF LIBFUZZER]`: a target under Atheris.

Atheris watches which lines an input reaches, and makes further inputs from those that reach new
ones. It is installed apart: `pip install atheris`.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["outreply_cli"]):
    from tests.fuzzing.targets import TARGETS


def main() -> None:
    """Run until a finding or until libFuzzer's options say so; never returns."""
    target = TARGETS[sys.argv.pop(1)]
    corpus = Path(tempfile.mkdtemp(prefix="fuzzing-"))
    for number, seed in enumerate([*target.seeds, *(p.read_bytes() for p in target.corpus)]):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = corpus.with_suffix(".dict")
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words if word))
    atheris.Setup([sys.argv[0], str(corpus), f"-dict={words}", *sys.argv[1:]], target)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
