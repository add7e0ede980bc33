"""Commands: one thin file each. What a command needs is imported when it runs: `--help` is instant."""
