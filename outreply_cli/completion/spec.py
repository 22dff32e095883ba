"""The command tree as completion needs it: a compact JSON file that is fast to load.

A test checks that `spec.json` matches the command tree, and regenerates it with UPDATE_GOLDEN=1.
Its form:

    {"options": [[[FLAG, ...], HELP, KIND, MULTIPLE], ...],
     "kinds": {KIND: {"words": {WORD: MEANING}, "paths": PATHS, "query": QUERY}},
     "commands": {PATH: {"commands": {NAME: SUMMARY}, "options": [INDEX, ...],
                         "arguments": [[KIND, MULTIPLE], ...]}}}

KIND is empty for a value of which nothing is known and null for a switch.
"""

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Importing typing would take half of the time that completion may take.
    from typing import Any

SPEC_PATH = os.path.join(os.path.dirname(__file__), "spec.json")


def load_spec() -> "Any":
    """The generated specification."""
    with open(SPEC_PATH, encoding="utf-8") as stream:
        return json.load(stream)
