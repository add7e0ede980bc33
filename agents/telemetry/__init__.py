"""Telemetry: metrics, probes, logs and traces of a worker."""
