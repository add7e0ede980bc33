"""Rendering: what the terminal shows, tables for people and JSON for scripts."""
