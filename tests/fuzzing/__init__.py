"""Input that nobody would write, thrown at everything that reads; each target has an oracle.

`python -m tests.fuzzing` runs the targets, `python -m tests.fuzzing.guided` one of them under a
fuzzer that watches which lines an input reaches.
"""
