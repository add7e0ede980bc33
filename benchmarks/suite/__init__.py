"""Benchmark suite: the limit, the whole system over real servers, and what a user would pick instead."""
