"""A golden run: the same messages through a worker, and every document and event of it as it was.

A change that means to change nothing is held against it, field by field. `python -m tests.fixed_run` tells
what differs; with `--write` it writes what is expected anew, which is a decision that a review has to see.
"""
