"""Deliberate breaks of the code, each with the tests that must turn red: mutation tests by hand.

    python -m tests.sabotage --list
    python -m tests.sabotage telling-stops-early

The breaks stand in `rows.toml`. Each is made in a copy of the tree; nothing here is changed.
"""
