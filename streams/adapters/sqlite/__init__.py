"""SQLite adapter: the embedded score store."""
