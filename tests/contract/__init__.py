"""One suite a port, over every adapter."""
