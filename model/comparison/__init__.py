"""Backbone comparison: networks trained by one recipe on one's own photographs, side by side."""
