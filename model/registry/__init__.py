"""Model registry: published versions, and the names by which workers find them."""
