"""What people install, and with what: built, installed without a network, tried in clean places.

Not part of the ordinary suite, because it builds environments: `python -m tests.packaging`.
"""
