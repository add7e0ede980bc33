"""Wiring: settings, adapters and components into a worker."""
