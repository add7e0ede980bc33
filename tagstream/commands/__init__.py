"""One file a command, thin. What a command needs is imported when it runs: `--help` is instant."""
