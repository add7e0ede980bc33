"""Image decoding: bytes to pixels, in processes that may die of an image, or in threads for a command."""
