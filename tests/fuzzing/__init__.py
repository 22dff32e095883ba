"""Fuzzing of every parser; each target checks properties that must hold for any input.

`python -m tests.fuzzing` runs the targets, `python -m tests.fuzzing.guided` runs one of them under
a coverage-guided fuzzer.
"""
