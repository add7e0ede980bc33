"""Training: recipe, fine-tuning, checkpoints, and the version that comes of it."""
