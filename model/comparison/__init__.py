"""Backbones trained by one recipe on one's own photographs, side by side."""
