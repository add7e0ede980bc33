"""Serving: the resident classifier behind its micro-batcher, with the bisection of a failing batch."""
