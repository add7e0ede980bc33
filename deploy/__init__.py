"""Deployment: images, the compose file's parts, and a stack without Docker."""
