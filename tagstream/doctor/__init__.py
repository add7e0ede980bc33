"""Whether all that a worker needs is there."""
