"""Published versions, and the names by which workers find them."""
