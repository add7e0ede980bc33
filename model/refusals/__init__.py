"""Refusals in plain words: what a file is that is none of ours, what is wrong with one that is."""
