"""Checks of the built packages: contents, offline installation, and bounds of dependencies.

They create environments, so they are not part of the test suite: `python -m tests.packaging`.
"""
