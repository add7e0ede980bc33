"""Routes of the HTTP API: each module one resource, thin, over `operations`."""
