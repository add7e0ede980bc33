"""Faults brought about on purpose, at every boundary and of every dependency, over real servers."""
