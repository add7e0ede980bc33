"""Streaming: the Faust app, the ports and their adapters, the in-flight window and resilience."""
