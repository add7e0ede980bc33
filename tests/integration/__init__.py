"""One adapter against a server."""
