"""Contract: the events, records, tags and errors that all parts agree on. Imports nothing of ours."""
