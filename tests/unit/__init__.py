"""One behaviour a test."""
