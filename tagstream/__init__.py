"""Command line: one file a command, and how each shows what it found."""
