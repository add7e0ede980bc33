"""Worker: the straight path, its entrances by topic, telemetry, and the wiring of all of it."""
