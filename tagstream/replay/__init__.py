"""A replay, opened and told."""
