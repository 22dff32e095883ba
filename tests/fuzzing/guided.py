"""`python -m tests.fuzzing.guided TARGET [LIBFUZZER OPTIONS]`: run a target under Atheris.

Install the coverage-guided fuzzer with `pip install atheris`.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["outreply_cli"]):
    from tests.fuzzing.targets import TARGETS


def main() -> None:
    """Run until there is a finding or an option of libFuzzer ends it; never returns."""
    target = TARGETS[sys.argv.pop(1)]
    corpus = Path(tempfile.mkdtemp(prefix="fuzzing-"))
    for number, seed in enumerate([*target.seeds, *(p.read_bytes() for p in target.corpus)]):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = corpus.with_suffix(".dict")
    words.write_text("".join(f'"{_escape(word)}"\n' for word in target.words if word))
    atheris.Setup([sys.argv[0], str(corpus), f"-dict={words}", *sys.argv[1:]], target)
    atheris.Fuzz()


def _escape(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
