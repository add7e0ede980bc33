"""Real worker processes over the embedded broker."""
