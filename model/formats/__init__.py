"""Image formats: a Pillow image file of ours for each, the picture told from what only stands beside it."""
