"""An image's trail, in words and tables."""
